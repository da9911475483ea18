package policy

// cloudformationPrelude is what policies for CloudFormation have:
//
//	variables.properties  the properties of the resource
var cloudformationPrelude = []Variable{
	{Name: "properties", Expression: `object.?Properties.orValue({})`},
}

// armPrelude is what policies for ARM templates have:
//
//	variables.properties  the properties of the resource
var armPrelude = []Variable{
	{Name: "properties", Expression: `object.?properties.orValue({})`},
}
