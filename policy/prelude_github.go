package policy

// githubPrelude is what policies for GitHub Actions have:
//
//	variables.jobs   the jobs of a workflow
//	variables.steps  the steps of all jobs, or of a composite action
//	variables.parts  both
var githubPrelude = []Variable{
	{Name: "jobs", Expression: `object.?jobs.orValue({}).transformList(id, job, job)`},
	{Name: "steps", Expression: `variables.jobs.map(job, job.?steps.orValue([])).flatten() + object.?runs.?steps.orValue([])`},
	{Name: "parts", Expression: `variables.jobs + variables.steps`},
}
