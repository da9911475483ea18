package secret

import "github.com/holdfast-dev/holdfast/finding"

// The families of secrets, as indices of rules.
const (
	privateKeys = iota
	cloudKeys
	repositoryTokens
	chatTokens
	deliveryTokens
	platformTokens
	serviceKeys
	modelKeys
	urlPasswords
	bearerTokens
	assignments
)

const (
	revoke  = "Revoke it at once, since it must be taken as known, and hand its successor over at run time: "
	stays   = " Deleting the line is not enough, because the history of the repository keeps it."
	fixture = " If it is made up for a test, keep it in a folder named testdata or fixtures."
)

var controls = []string{"CICD-SEC-6", "ATT&CK/T1552.001", "NIST-800-53/IA-5", "PCI-DSS-4/8.6.2"}

// rules document the families. Ids are never used again.
var rules = []finding.Rule{
	privateKeys: {
		ID: "HF-SECRET-001", Title: "No private key is in a file", Severity: finding.Critical, Controls: controls,
		Why:         "Whoever can read the file, now or later, can pose as the owner of the key, or read what is encrypted for it.",
		Remediation: "Replace the key and its certificates, and keep the new one in a secret store or encrypted (SOPS, SealedSecret)." + stays + fixture,
		References:  []string{"https://www.rfc-editor.org/rfc/rfc7468", "https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html"},
	},
	cloudKeys: {
		ID: "HF-SECRET-002", Title: "No key of a cloud is in a file", Severity: finding.Critical, Controls: controls,
		Why:         "The key acts in the account of the cloud with all rights of its owner, from anywhere. Keys in repositories are found and used within minutes.",
		Remediation: revoke + "by workload identity or OpenID Connect, which need no lasting key, or from a secret store." + stays,
		References: []string{"https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html",
			"https://cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys"},
	},
	repositoryTokens: {
		ID: "HF-SECRET-003", Title: "No token for a code host is in a file", Severity: finding.Critical, Controls: controls,
		Why:         "The token reads or writes repositories and pipelines, so that whoever finds it can change what is built and deployed.",
		Remediation: revoke + "from the secrets of the pipeline, or as a short-lived token of an app." + stays,
		References: []string{"https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation",
			"https://docs.gitlab.com/security/tokens/"},
	},
	chatTokens: {
		ID: "HF-SECRET-004", Title: "No token or webhook of a chat is in a file", Severity: finding.High, Controls: controls,
		Why:         "It lets anybody write as a trusted sender, and many of them read channels and files too.",
		Remediation: revoke + "from a secret store; a webhook is replaced by a new one." + stays,
		References:  []string{"https://docs.slack.dev/authentication/tokens/", "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/"},
	},
	deliveryTokens: {
		ID: "HF-SECRET-005", Title: "No token of a registry or build service is in a file", Severity: finding.Critical, Controls: controls,
		Why:         "The token can publish packages or images in your name, or run builds, so that everything downstream runs what somebody else wrote.",
		Remediation: revoke + "as trusted publishing with OpenID Connect where the registry has it, or from the secrets of the pipeline." + stays,
		References:  []string{"https://docs.npmjs.com/about-access-tokens", "https://docs.pypi.org/trusted-publishers/", "https://docs.docker.com/security/access-tokens/"},
	},
	platformTokens: {
		ID: "HF-SECRET-006", Title: "No token of a platform or secret store is in a file", Severity: finding.Critical, Controls: controls,
		Why:         "The token opens the place where machines, networks or other secrets are kept, and with it everything behind it.",
		Remediation: revoke + "by an identity of the workload (Kubernetes service account, OpenID Connect)." + stays,
		References:  []string{"https://developer.hashicorp.com/vault/docs/concepts/tokens", "https://kubernetes.io/docs/reference/access-authn-authz/authentication/"},
	},
	serviceKeys: {
		ID: "HF-SECRET-007", Title: "No key of a payment, mail or other service is in a file", Severity: finding.High, Controls: controls,
		Why:         "The key acts in your account with the service: it spends money, sends mail in your name or reads the data of customers.",
		Remediation: revoke + "from a secret store, with the fewest rights that the service offers." + stays,
		References:  []string{"https://docs.stripe.com/keys-best-practices", "https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html"},
	},
	modelKeys: {
		ID: "HF-SECRET-008", Title: "No key of a model service is in a file", Severity: finding.High, Controls: controls,
		Why:         "The key is used up at your cost by whoever finds it, and may give access to prompts, files and models of the account.",
		Remediation: revoke + "from a secret store, with a limit for what it may spend." + stays,
		References:  []string{"https://help.openai.com/en/articles/5112595-best-practices-for-api-key-safety", "https://huggingface.co/docs/hub/security-tokens"},
	},
	urlPasswords: {
		ID: "HF-SECRET-009", Title: "No password is part of a URL", Severity: finding.High, Controls: controls,
		Why:         "A URL is printed by programs, proxies and logs, so the password in it is known to more people than those who read the file.",
		Remediation: "Change the password, and put the URL together at run time from a secret." + stays,
		References:  []string{"https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"},
	},
	bearerTokens: {
		ID: "HF-SECRET-010", Title: "No signed token is in a file", Severity: finding.High, Controls: controls,
		Why:         "A JSON web token is accepted from whoever has it until it ends, and those of service accounts may never end.",
		Remediation: "End the session or delete the service account's token, replace the signing key if you cannot, and use projected tokens." + stays + fixture,
		References:  []string{"https://www.rfc-editor.org/rfc/rfc8725", "https://kubernetes.io/docs/concepts/security/service-accounts/"},
	},
	assignments: {
		ID: "HF-SECRET-011", Title: "No setting that is named like a secret has a random value", Severity: finding.Medium, Controls: controls,
		Why:         "The name says that it is a secret, and the value looks like one. Whoever can read the file, now or later, has it.",
		Remediation: "Replace the secret, and hand its successor over by a secret store or an environment variable." + stays + fixture,
		References:  []string{"https://cheatsheetseries.owasp.org/cheatsheets/Secrets_Management_Cheat_Sheet.html"},
	},
}

// Rules returns the rules, sorted by id.
func Rules() []*finding.Rule {
	all := make([]*finding.Rule, len(rules))
	for i := range rules {
		all[i] = &rules[i]
	}
	return all
}

// IsRule reports whether an id is that of a rule.
func IsRule(id string) bool {
	for i := range rules {
		if rules[i].ID == id {
			return true
		}
	}
	return false
}
