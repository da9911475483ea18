package iam

import (
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
)

// Escalation is a way by which who has some actions gets more than these.
type Escalation struct {
	Name  string // such as iam:PassRole+ec2:RunInstances
	Group Group
	Because,
	Action *resource.Value // the statement that grants the first action, and the pattern in it
	Unknown string // why it is not known whether there is this one; empty if there is
}

// Group is what is got hold of.
type Group string

// The groups.
const (
	PassRole    Group = "pass-role"   // a role is given to something new, which does what one says
	Policies    Group = "policies"    // what users, groups and roles may do is changed
	Credentials Group = "credentials" // credentials of others are made
	Trust       Group = "trust"       // who may assume a role, or use a key, is changed
	Assume      Group = "assume"      // any role that trusts the account is assumed
	Code        Group = "code"        // what runs with the permissions of others is changed
)

// way is a row of the table: the first action must be allowed on all resources of
// a type, the others on any.
type way struct {
	group   Group
	actions string // with blanks between them
	service string // that a role is passed to
}

// ways are written from the service authorization reference of AWS: the actions
// that change permissions, and those that need iam:PassRole because they hand a
// role to what they make.
var ways = []way{
	{group: Policies, actions: "iam:CreatePolicyVersion"},
	{group: Policies, actions: "iam:SetDefaultPolicyVersion"},
	{group: Policies, actions: "iam:AttachUserPolicy"},
	{group: Policies, actions: "iam:AttachGroupPolicy"},
	{group: Policies, actions: "iam:AttachRolePolicy"},
	{group: Policies, actions: "iam:PutUserPolicy"},
	{group: Policies, actions: "iam:PutGroupPolicy"},
	{group: Policies, actions: "iam:PutRolePolicy"},
	{group: Policies, actions: "iam:AddUserToGroup"},
	{group: Policies, actions: "iam:DeleteUserPermissionsBoundary"},
	{group: Policies, actions: "iam:DeleteRolePermissionsBoundary"},
	{group: Policies, actions: "iam:PutUserPermissionsBoundary"},
	{group: Policies, actions: "iam:PutRolePermissionsBoundary"},
	{group: Policies, actions: "iam:DeleteUserPolicy"},
	{group: Policies, actions: "iam:DetachUserPolicy"},
	{group: Policies, actions: "sso:AttachManagedPolicyToPermissionSet"},
	{group: Policies, actions: "sso:AttachCustomerManagedPolicyReferenceToPermissionSet"},
	{group: Policies, actions: "sso:PutInlinePolicyToPermissionSet"},
	{group: Policies, actions: "sso:CreateAccountAssignment"},
	{group: Policies, actions: "eks:AssociateAccessPolicy"},

	{group: Credentials, actions: "iam:CreateAccessKey"},
	{group: Credentials, actions: "iam:CreateLoginProfile"},
	{group: Credentials, actions: "iam:UpdateLoginProfile"},
	{group: Credentials, actions: "iam:CreateServiceSpecificCredential"},
	{group: Credentials, actions: "iam:ResetServiceSpecificCredential"},
	{group: Credentials, actions: "iam:DeactivateMFADevice"},
	{group: Credentials, actions: "iam:CreateSAMLProvider"},
	{group: Credentials, actions: "iam:UpdateSAMLProvider"},
	{group: Credentials, actions: "iam:UpdateOpenIDConnectProviderThumbprint"},
	{group: Credentials, actions: "iam:AddClientIDToOpenIDConnectProvider"},

	{group: Trust, actions: "iam:UpdateAssumeRolePolicy"},
	{group: Trust, actions: "kms:PutKeyPolicy"},
	{group: Trust, actions: "kms:CreateGrant"},

	{group: Assume, actions: "sts:AssumeRole"},

	{group: Code, actions: "lambda:UpdateFunctionCode"},
	{group: Code, actions: "lambda:UpdateFunctionConfiguration"},
	{group: Code, actions: "ssm:SendCommand"},
	{group: Code, actions: "ssm:StartSession"},
	{group: Code, actions: "ec2-instance-connect:SendSSHPublicKey"},
	{group: Code, actions: "ec2:ModifyInstanceAttribute ec2:StopInstances ec2:StartInstances"},
	{group: Code, actions: "ecs:ExecuteCommand"},
	{group: Code, actions: "glue:UpdateDevEndpoint"},
	{group: Code, actions: "glue:UpdateJob glue:StartJobRun"},
	{group: Code, actions: "codebuild:UpdateProject codebuild:StartBuild"},
	{group: Code, actions: "sagemaker:CreatePresignedNotebookInstanceUrl"},
	{group: Code, actions: "cloudformation:UpdateStack"},
	{group: Code, actions: "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet"},
	{group: Code, actions: "states:UpdateStateMachine states:StartExecution"},
	{group: Code, actions: "datapipeline:PutPipelineDefinition datapipeline:ActivatePipeline"},

	{PassRole, "iam:PassRole ec2:RunInstances", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole ec2:AssociateIamInstanceProfile", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole ec2:ReplaceIamInstanceProfileAssociation", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole ec2:RequestSpotInstances", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole autoscaling:CreateLaunchConfiguration autoscaling:CreateAutoScalingGroup", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole ec2:CreateLaunchTemplate autoscaling:CreateAutoScalingGroup", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole lambda:CreateFunction lambda:InvokeFunction", "lambda.amazonaws.com"},
	{PassRole, "iam:PassRole lambda:CreateFunction lambda:CreateEventSourceMapping", "lambda.amazonaws.com"},
	{PassRole, "iam:PassRole lambda:CreateFunction lambda:AddPermission", "lambda.amazonaws.com"},
	{PassRole, "iam:PassRole lambda:CreateFunction lambda:CreateFunctionUrlConfig", "lambda.amazonaws.com"},
	{PassRole, "iam:PassRole cloudformation:CreateStack", "cloudformation.amazonaws.com"},
	{PassRole, "iam:PassRole cloudformation:CreateStackSet cloudformation:CreateStackInstances", "cloudformation.amazonaws.com"},
	{PassRole, "iam:PassRole ecs:RegisterTaskDefinition ecs:RunTask", "ecs-tasks.amazonaws.com"},
	{PassRole, "iam:PassRole ecs:RegisterTaskDefinition ecs:StartTask", "ecs-tasks.amazonaws.com"},
	{PassRole, "iam:PassRole ecs:RegisterTaskDefinition ecs:CreateService", "ecs-tasks.amazonaws.com"},
	{PassRole, "iam:PassRole ecs:RegisterTaskDefinition ecs:UpdateService", "ecs-tasks.amazonaws.com"},
	{PassRole, "iam:PassRole codebuild:CreateProject codebuild:StartBuild", "codebuild.amazonaws.com"},
	{PassRole, "iam:PassRole codepipeline:CreatePipeline", "codepipeline.amazonaws.com"},
	{PassRole, "iam:PassRole glue:CreateDevEndpoint", "glue.amazonaws.com"},
	{PassRole, "iam:PassRole glue:CreateJob glue:StartJobRun", "glue.amazonaws.com"},
	{PassRole, "iam:PassRole glue:CreateSession", "glue.amazonaws.com"},
	{PassRole, "iam:PassRole sagemaker:CreateNotebookInstance", "sagemaker.amazonaws.com"},
	{PassRole, "iam:PassRole sagemaker:CreateTrainingJob", "sagemaker.amazonaws.com"},
	{PassRole, "iam:PassRole sagemaker:CreateProcessingJob", "sagemaker.amazonaws.com"},
	{PassRole, "iam:PassRole states:CreateStateMachine states:StartExecution", "states.amazonaws.com"},
	{PassRole, "iam:PassRole scheduler:CreateSchedule", "scheduler.amazonaws.com"},
	{PassRole, "iam:PassRole events:PutRule events:PutTargets", "events.amazonaws.com"},
	{PassRole, "iam:PassRole batch:RegisterJobDefinition batch:SubmitJob", "ecs-tasks.amazonaws.com"},
	{PassRole, "iam:PassRole apprunner:CreateService", "tasks.apprunner.amazonaws.com"},
	{PassRole, "iam:PassRole datapipeline:CreatePipeline datapipeline:PutPipelineDefinition", "datapipeline.amazonaws.com"},
	{PassRole, "iam:PassRole elasticmapreduce:RunJobFlow", "elasticmapreduce.amazonaws.com"},
	{PassRole, "iam:PassRole emr-serverless:CreateApplication emr-serverless:StartJobRun", "emr-serverless.amazonaws.com"},
	{PassRole, "iam:PassRole ssm:StartAutomationExecution", "ssm.amazonaws.com"},
	{PassRole, "iam:PassRole imagebuilder:CreateInfrastructureConfiguration imagebuilder:CreateImage", "ec2.amazonaws.com"},
	{PassRole, "iam:PassRole bedrock-agentcore:CreateCodeInterpreter", "bedrock-agentcore.amazonaws.com"},
}

// Escalations returns the ways that the statements of a policy leave open on all
// resources of a type, in the order of the table. What a single wildcard gives away
// as a whole, as "*" and "iam:*" do, is none of them: there is nothing left to
// escalate to. Nor is code that "lambda:*" gives away with all else of the service.
func Escalations(statements *resource.Value) (out []Escalation) {
	if statements.Unknown() != "" {
		return []Escalation{{Unknown: statements.Unknown()}}
	}
	if !slices.ContainsFunc(statements.Items, mayBeOfWays) {
		return nil
	}
	granted := map[string]Answer{}
	grants := func(action string, ask func(*resource.Value) Answer) Answer {
		return allowed(statements, action, ask)
	}
	for _, w := range ways {
		actions := strings.Fields(w.actions)
		key := actions[0] + " " + w.service
		first, known := granted[key]
		if !known {
			first = grants(actions[0], func(s *resource.Value) Answer { return w.grants(s, actions[0]) })
			granted[key] = first
		}
		answer := first
		for _, action := range actions[1:] {
			if answer == no {
				break
			}
			one, known := granted[action]
			if !known {
				one = grants(action, func(s *resource.Value) Answer { return Allows(s, action) })
				granted[action] = one
			}
			answer = both(one, answer)
		}
		if answer == no {
			continue
		}
		found := Escalation{Name: strings.ReplaceAll(w.actions, " ", "+"), Group: w.group, Unknown: answer.Unknown}
		if answer.Yes {
			found.Action = first.Because
			found.Because = statementOf(statements, first.Because)
		}
		out = append(out, found)
	}
	return out
}

// services are those of the actions that ways begin with.
var services = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, w := range ways {
		service, _, _ := strings.Cut(w.actions, ":")
		all[service] = true
	}
	return all
})

// mayBeOfWays reports whether a statement may name what a way begins with. Most are
// about services from which none does.
func mayBeOfWays(s *resource.Value) bool {
	actions, others := s.Get("actions"), s.Get("notActions")
	if s.Unknown() != "" || others != nil && (others.Unknown() != "" || len(others.Items) > 0) {
		return true
	}
	if actions == nil {
		return false
	}
	return actions.Unknown() != "" || slices.ContainsFunc(actions.Items, func(pattern *resource.Value) bool {
		service, _, ok := strings.Cut(pattern.Str, ":")
		return pattern.Unknown() != "" || !ok || strings.ContainsAny(service, "*?") || services()[strings.ToLower(service)]
	})
}

// statementOf returns the statement that an action is in.
func statementOf(statements, action *resource.Value) *resource.Value {
	for _, s := range statements.Items {
		if actions := s.Get("actions"); actions != nil && slices.Contains(actions.Items, action) {
			return s
		}
	}
	return statements
}

// grants reports whether a statement names the first action, allows it on all
// resources, and lets a role be passed to the service, if there is one.
func (w way) grants(s *resource.Value, action string) Answer {
	given := "iam:*" // what a wildcard gives as a whole
	if w.group == Code {
		given = action[:strings.IndexByte(action, ':')] + ":*"
	}
	return asStatement(s, func() Answer {
		named := anyOf(s.Get("actions"), func(pattern *resource.Value) Answer {
			return is(pattern, func(p string) bool {
				return matchesAction(p, action) && !matchesAction(p, given) && strings.Contains(p, ":")
			})
		})
		if named == no {
			return no
		}
		where := both(effect(s, "Allow"), Everywhere(s))
		return both(both(where, not(narrowed(s, w.service))), named)
	})
}

// narrowed reports whether a condition leaves only some resources of those that a
// statement is about, or other services than the one that a role would be passed to.
func narrowed(s *resource.Value, service string) Answer {
	return anyOf(s.Get("conditions"), func(c *resource.Value) Answer {
		_, limits := testOf(c)
		if !limits {
			return no
		}
		values := c.Get("values")
		switch key := strings.ToLower(c.Get("variable").Text()); {
		case key == "iam:passedtoservice" && service != "":
			passed := anyOf(values, func(v *resource.Value) Answer {
				return is(v, func(text string) bool { return Match(text, service) })
			})
			return not(passed)
		case strings.Contains(key, "resourcetag/"), key == "iam:policyarn", key == "iam:permissionsboundary",
			key == "iam:associatedresourcearn", key == "lambda:functionarn", key == "kms:granteeprincipal", key == "kms:grantisforawsresource",
			key == "kms:viaservice":
			return Answer{Yes: true}
		}
		return no
	})
}
