package policy

// composePrelude are the variables of policies for Compose files:
//
//	variables.services  all services
//	variables.whole     those that have an image or are built; the others only
//	                    override what another file says, so that what they lack
//	                    may be there
var composePrelude = []Variable{
	{Name: "services", Expression: `object.?services.orValue([])`},
	{Name: "whole", Expression: `variables.services.filter(s, s.complete)`},
}
