package policy

// dockerfilePrelude are the variables of policies for Dockerfiles:
//
//	variables.stages        all stages
//	variables.final         the last one, which becomes the image, as a list
//	variables.instructions  those of all stages, those of ONBUILD included
//	variables.runs          RUN instructions
//	variables.copies        COPY and ADD instructions
//	variables.commands      the simple commands of all RUN instructions
//	variables.env           the variables of all ENV instructions
//	variables.args          the arguments of all ARG instructions, global ones
//	                        included
var dockerfilePrelude = []Variable{
	{Name: "stages", Expression: `object.?stages.orValue([])`},
	{Name: "final", Expression: `variables.stages.filter(s, s.last)`},
	{Name: "instructions", Expression: `variables.stages.map(s, s.instructions).flatten()`},
	{Name: "runs", Expression: `variables.instructions.filter(i, i.instruction == 'RUN')`},
	{Name: "copies", Expression: `variables.instructions.filter(i, i.instruction == 'COPY' || i.instruction == 'ADD')`},
	{Name: "commands", Expression: `variables.runs.map(i, i.?commands.orValue([])).flatten().filter(c, has(c.name))`},
	{Name: "env", Expression: `variables.instructions.map(i, i.?env.orValue([])).flatten()`},
	{Name: "args", Expression: `object.?args.orValue([]) + variables.instructions.map(i, i.?arg.orValue([])).flatten()`},
}
