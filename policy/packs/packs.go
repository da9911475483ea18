// Package packs holds the policies that are part of the program, as data: one
// folder for each area, one file for each policy.
//
//	arm/storage, databases, keys  ARM templates: where data and keys are kept
//	arm/network, access           who reaches what, and may do what
//	arm/compute, containers       machines, apps, clusters and registries
//	arm/template                  parameters and outputs
//	aws/s3, backup, efs, fsx, storagegateway
//	                              AWS in Terraform: buckets, files and backups
//	aws/ec2, vpc, lightsail       machines, volumes, security groups and networks
//	aws/rds, docdb, neptune, dynamodb, elasticache, keyspaces, memorydb, opensearch, qldb, redshift, timestream
//	                              databases, caches and search
//	aws/ecr, ecs, eks, lambda, batch, elasticbeanstalk, stepfunctions, mwaa
//	                              images, tasks, clusters, functions and jobs
//	aws/apigateway, elb, cloudfront, waf, globalaccelerator, route53, acm
//	                              APIs, load balancers, distributions, names and certificates
//	aws/cloudtrail, cloudwatch, config, guardduty, securityhub, xray
//	                              trails, logs, and who looks at them
//	aws/iam, kms, secrets, ssm, cognito, organizations
//	                              permissions, keys, secrets, parameters, users and accounts
//	aws/sns, sqs, kinesis, msk, mq, iot
//	                              messages and streams
//	aws/athena, glue, emr, sagemaker, dms, transfer, codebuild, workspaces
//	                              data, models, builds and desktops
//	azure/ai                      cognitive services and search
//	azure/aks                     clusters of Kubernetes
//	azure/api-management          gateways, APIs and backends
//	azure/app-service             web apps, functions, and their configuration
//	azure/automation              accounts, variables and runbooks
//	azure/backup                  vaults, and what is in them
//	azure/batch                   accounts and pools
//	azure/cache                   Redis
//	azure/compute                 machines, scale sets and disks
//	azure/containers              container apps and groups
//	azure/data                    factories, Synapse, Databricks, machine learning
//	azure/database                SQL, PostgreSQL, MySQL, Cosmos DB
//	azure/defender                who is told of attacks
//	azure/front-door              Front Door and the CDN
//	azure/identity                roles, applications, federation
//	azure/iot                     hubs
//	azure/keyvault                vaults, keys, secrets and certificates
//	azure/messaging               Service Bus, Event Hubs, Event Grid and others
//	azure/monitor                 logs and alerts
//	azure/network                 rules, gateways, firewalls, VPN
//	azure/other                   what has few policies
//	azure/registry                images
//	azure/storage                 accounts, shares and tokens
//	azure-pipelines/injection     text of others in scripts
//	azure-pipelines/supply-chain  images, templates, repositories and downloads
//	azure-pipelines/secrets       secrets, tokens and logs
//	azure-pipelines/deployment    what jobs change, and where they run
//	change/pipeline               what commits take away from gates of pipelines
//	change/repository             policies, settings, waivers, owners and hooks
//	change/cluster                objects that protect others
//	cloudformation/storage, databases, keys, messages
//	                              CloudFormation: where data and keys are kept, and how they go
//	cloudformation/network, access  who reaches what, and may do what
//	cloudformation/compute, containers
//	                              machines, functions, builds, tasks and clusters
//	cloudformation/logs, template trails and logs; parameters and deletion
//	compose/access             what services may do on their machine
//	compose/images             what services are made of
//	compose/network            who reaches them
//	compose/operation          limits, restarts, health and logs
//	compose/secrets            secrets in Compose files
//	dockerfile/images             what images are built from
//	dockerfile/secrets            secrets that end in images or their history
//	dockerfile/commands           what RUN does: downloads, packages, rights
//	dockerfile/runtime            how containers of the image run
//	dockerfile/structure          stages and instructions
//	gcp/storage, databases, sql, bigquery
//	                              Google Cloud in Terraform: where data is kept
//	gcp/compute, gke, serverless, artifacts
//	                              machines, clusters, services, functions and images
//	gcp/network, dns, loadbalancing
//	                              firewalls, networks, zones, load balancers and Cloud Armor
//	gcp/iam, project, kms, secrets
//	                              permissions, federation, projects, keys and secrets
//	gcp/pubsub, dataproc, data, vertex
//	                              messages, data processing and models
//	gcp/logging                   logs and alerts
//	github-actions/injection      text of outsiders in scripts
//	github-actions/triggers       who can start what
//	github-actions/permissions    rights of the token
//	github-actions/supply-chain   actions, images and runners
//	github-actions/secrets        where secrets are, and who gets them
//	github-actions/commands       what scripts do
//	github-actions/dependabot     its configuration
//	gitops/argo-cd                projects, applications and settings of Argo CD
//	gitops/flux                   sources, kustomizations and releases of Flux
//	gitlab-ci/injection           text of others in scripts
//	gitlab-ci/images              images of jobs and services
//	gitlab-ci/supply-chain        what pipelines include and fetch
//	gitlab-ci/secrets             secrets, tokens, logs, artifacts and caches
//	gitlab-ci/deployment          what jobs change, and when
//	helm/dependencies             other charts, and the lock file
//	helm/templates                what templates call and declare
//	helm/values                   defaults of charts
//	kubernetes/pod-security       the Pod Security Standards, baseline and restricted
//	kubernetes/access             roles and bindings
//	kubernetes/admission          webhooks and policies that can be passed by
//	kubernetes/deprecated         APIs, fields and annotations that are gone or go
//	kubernetes/ingress            Ingresses, Gateways and routes
//	kubernetes/storage            volumes and their classes
//	kubernetes/nodes              flags and files of the control plane and of kubelets
//	kubernetes/secrets            secrets in places where they do not belong
//	kubernetes/network            what is exposed, and what is not separated
//	kubernetes/reliability        images, resources, probes and replicas
//	kubernetes/accounts           service accounts, and who uses them
//	kubernetes/availability       budgets, autoscalers, probes, and names that lead nowhere
//	kubernetes/supply-chain       where images and what they fetch come from
//	kubernetes/workloads          pods beyond the standards: commands, volumes, placement
//	terraform/hygiene             versions, modules, state, secrets and provisioners
//	terraform/github              repositories, branches and pipelines of GitHub
//	terraform/kubernetes          objects and releases of Kubernetes and Helm
package packs

import (
	"embed"
	"fmt"
	"io/fs"
	"path"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

//go:embed arm aws azure azure-pipelines change cloudformation compose dockerfile gcp github-actions gitlab-ci gitops helm kubernetes terraform
var files embed.FS

// What is known of the packs without reading them; see policy/packs/check.
//
//go:generate go run ./check
//go:embed checked.bin
var checked string

//go:embed index.txt
var index string

// Builtin returns the packs of the program, with all policies decoded.
func Builtin() ([]*policy.Pack, error) {
	folders, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	all := make([]*policy.Pack, len(folders))
	for i, folder := range folders {
		if all[i], err = load(folder.Name()); err != nil {
			return nil, fmt.Errorf("built-in pack %s: %w", folder.Name(), err)
		}
		all[i].Trusted, all[i].Checked = true, checked
	}
	return all, nil
}

func load(dir string) (*policy.Pack, error) {
	var all []*source.File
	err := fs.WalkDir(files, dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(p) != ".yaml" {
			return err
		}
		file, err := open(p)
		all = append(all, file)
		return err
	})
	if err != nil {
		return nil, err
	}
	return policy.NewPack(dir, all)
}

func open(name string) (*source.File, error) {
	content, err := files.ReadFile(name)
	return source.NewFile(name, content), err
}

// Indexed returns the packs of the program, with the policies pending.
func Indexed() ([]*policy.Pack, error) {
	known, err := policy.ParseIndex(index)
	if err != nil {
		return nil, fmt.Errorf("built-in packs: %w", err)
	}
	all := make([]*policy.Pack, len(known))
	for i, pack := range known {
		all[i] = policy.NewIndexedPack(pack, open)
		all[i].Trusted, all[i].Checked = true, checked
	}
	return all, nil
}
