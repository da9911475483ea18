package policy

// gitlabPrelude are the variables of policies for GitLab CI/CD:
//
//	variables.jobs       all jobs, and templates of jobs that nothing extends
//	variables.whole      jobs alone: what a template lacks may be added
//	variables.settings   the variables of the pipeline and of all jobs
//	variables.images     the images of all jobs and of their services
//	variables.commands   the simple commands of all jobs
var gitlabPrelude = []Variable{
	{Name: "jobs", Expression: `object.?jobs.orValue({}).transformList(id, job, job)`},
	{Name: "whole", Expression: `variables.jobs.filter(job, !job.hidden && !job.bridge)`},
	{Name: "settings", Expression: `object.?variables.orValue([]) + variables.jobs.map(job, job.?variables.orValue([])).flatten()`},
	{Name: "images", Expression: `(variables.jobs.map(job, has(job.image) ? [job.image] : []) + variables.jobs.map(job, job.?services.orValue([]))).flatten().filter(i, has(i.own))`},
	{Name: "commands", Expression: `variables.jobs.map(job, job.commands).flatten().filter(c, has(c.name))`},
}
