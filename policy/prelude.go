package policy

import "github.com/holdfast-dev/holdfast/resource"

// Prelude returns the variables that every policy of a platform has without
// declaring them. They are evaluated at most once for a resource, on first use.
// For Kubernetes:
//
//	variables.pod         the Pod, or the template of whatever makes pods;
//	                      empty for other kinds
//	variables.podSpec     its spec
//	variables.podMeta     its metadata
//	variables.containers  containers, init containers and ephemeral containers
//	variables.runs        containers and init containers: what a manifest starts
//	variables.windows     whether the pod is for Windows nodes
func Prelude(platform resource.Platform) []Variable { return preludes[platform] }

var preludes = map[resource.Platform][]Variable{
	resource.Kubernetes:     kubernetesPrelude,
	resource.Dockerfile:     dockerfilePrelude,
	resource.Compose:        composePrelude,
	resource.GitHubActions:  githubPrelude,
	resource.GitLabCI:       gitlabPrelude,
	resource.AzurePipelines: azurePrelude,
	resource.CloudFormation: cloudformationPrelude,
	resource.ARM:            armPrelude,
	resource.Terraform:      terraformPrelude,
	resource.GitChange:      changePrelude,
}

var kubernetesPrelude = []Variable{
	{Name: "pod", Expression: `object.kind == 'Pod' ? object
		: object.kind == 'PodTemplate' ? object.?template.orValue({})
		: object.kind == 'CronJob' ? object.?spec.?jobTemplate.?spec.?template.orValue({})
		: object.?spec.?template.orValue({})`},
	{Name: "podSpec", Expression: `variables.pod.?spec.orValue({})`},
	{Name: "podMeta", Expression: `variables.pod.?metadata.orValue({})`},
	{Name: "runs", Expression: `variables.podSpec.?containers.orValue([]) + variables.podSpec.?initContainers.orValue([])`},
	{Name: "containers", Expression: `variables.runs + variables.podSpec.?ephemeralContainers.orValue([])`},
	{Name: "windows", Expression: `variables.podSpec.?os.?name.orValue('') == 'windows'`},
}
