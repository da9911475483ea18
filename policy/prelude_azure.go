package policy

// azurePrelude are the variables of policies for Azure Pipelines:
//
//	variables.jobs       all jobs
//	variables.whole      those of pipelines: what a job of a template lacks may be
//	                     where it is used
//	variables.steps      the steps of all jobs
//	variables.scripts    the scripts of all steps
//	variables.commands   the simple commands of all scripts
//	variables.settings   the variables of the pipeline and of all jobs
//	variables.images     the images of containers and services
var azurePrelude = []Variable{
	{Name: "jobs", Expression: `object.?jobs.orValue({}).transformList(id, job, job)`},
	{Name: "whole", Expression: `variables.jobs.filter(job, !object.template)`},
	{Name: "steps", Expression: `variables.jobs.map(job, job.steps).flatten()`},
	{Name: "scripts", Expression: `variables.steps.filter(s, has(s.script)).map(s, s.script)`},
	{Name: "commands", Expression: `variables.scripts.map(s, s.commands).flatten().filter(c, has(c.name))`},
	{Name: "settings", Expression: `object.?variables.orValue([]) + variables.jobs.map(job, job.variables).flatten()`},
	{Name: "images", Expression: `(variables.jobs.map(job, has(job.container) ? [job.container] : []) + variables.jobs.map(job, job.services) + [object.?resources.?containers.orValue([])]).flatten().filter(i, has(i.repository))`},
}
