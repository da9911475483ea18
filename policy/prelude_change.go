package policy

// changePrelude is what policies about changes of safeguards have:
//
//	variables.waives  the severities up to which whoever signed the commit may accept
//	                  risks, from "info" on; none if nobody is proven
//	variables.may     whether the signer may accept any
var changePrelude = []Variable{
	{Name: "waives", Expression: `object.?signer.?waives.orValue([])`},
	{Name: "may", Expression: `variables.waives.size() > 0`},
}
