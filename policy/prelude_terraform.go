package policy

// terraformPrelude is what policies for Terraform have:
//
//	variables.actions   what a plan does to the resource: no-op, read, create, update,
//	                    delete, forget; of a replacement create and delete. Empty for
//	                    what is no part of a plan
//	variables.granted   the statements of the IAM policies that users, groups and roles
//	                    get by it
//	variables.trusted   the statements that say who may assume a role
//	variables.replaced  the paths of the values because of which it is replaced
var terraformPrelude = []Variable{
	{Name: "actions", Expression: `request.?actions.orValue([])`},
	{Name: "granted", Expression: `statements(object.?policy) + (type(object.?inline_policy.orValue([])) == list
		? object.?inline_policy.orValue([]).map(p, statements(p.?policy)).flatten() : statements(object.?inline_policy))`},
	{Name: "trusted", Expression: `statements(object.?assume_role_policy)`},
	{Name: "replaced", Expression: `request.?replaced.orValue([])`},
}
