package policy

// terraformPrelude is what policies for Terraform have:
//
//	variables.actions   what a plan does to the resource: no-op, read, create, update,
//	                    delete, forget; of a replacement create and delete. Empty for
//	                    what is no part of a plan
//	variables.replaced  the paths of the values because of which it is replaced
var terraformPrelude = []Variable{
	{Name: "actions", Expression: `request.?actions.orValue([])`},
	{Name: "replaced", Expression: `request.?replaced.orValue([])`},
}
