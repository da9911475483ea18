package cel

import (
	"strings"
	"testing"
)

func TestCredential(t *testing.T) {
	random := strings.Repeat("aB3dE6gH9j", 6)
	for _, tt := range []struct{ text, want string }{
		{"AKIA" + "2E0A8F3B244C9986", "AWS access key"},
		{"AKIAIOSFODNN7EXAMPLE", ""}, // the one of the documentation
		{"ghp_" + random[:36], "GitHub token"},
		{"github_pat_" + random, "GitHub token"},
		{"glpat-" + random[:20], "GitLab token"},
		{"xoxb-1234567890-" + random[:20], "Slack token"},
		{"https://hooks.slack.com/services/T00/B00/" + random[:24], "Slack webhook"},
		{"https://hooks.slack.com/services/T00/B00/" + strings.Repeat("X", 24), ""},
		{"AIza" + random[:35], "Google API key"},
		{"sk_live_" + random[:24], "Stripe key"},
		{"sk_test_" + random[:24], ""},
		{"npm_" + random[:36], "npm token"},
		{"hvs." + random[:24], "Vault token"},
		{"-----BEGIN OPENSSH PRIVATE KEY-----\n" + random + "\n", "private key"},
		{"-----BEGIN CERTIFICATE-----\n" + random + "\n", ""},
		{"-----BEGIN PRIVATE KEY-----\n", ""}, // a mention
		{"eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + random[:43], "JSON web token"},
		{"postgres://web:hunter2@db/web", "password in a URL"},
		{"redis://:hunter2@cache:6379", "password in a URL"},
		{"postgres://web:$(PASSWORD)@db/web", ""},
		{"postgres://web:${PASSWORD}@db/web", ""},
		{"postgres://web@db:5432/web", ""},
		{"https://example.com:8080/a@b", ""},
		{"image: registry.example.com:5000/app@sha256:7d865e95", ""},
		{"db:\n  password: Tr0ub4dor9xQz\n", "password"},
		{`{"api_key": "9f86d081884c7d659a2f"}`, ""}, // on one line with its braces: not sure enough
		{"\"api_key\": \"9f86d081884c7d659a2f\",\n", "password"},
		{"client.secret=9f86d081884c7d659a2f", "password"},
		{"password: correct-horse", ""},             // words only
		{"password: ${DB_PASSWORD1}", ""},           // a template
		{"password_file: /run/secrets/db1", ""},     // a path
		{"secretName: web-tls-2024", ""},            // another setting
		{"token: getToken2(user)", ""},              // a program
		{"tokenizer: bert4base8x", ""},              // another word
		{"secret: vault:secret/data/db1#key", ""},   // a reference
		{"password = os.environ['PASSWORD1']", ""},  // a program
		{"# password: Tr0ub4dor9xQz is an old", ""}, // prose
	} {
		if got := credentialIn(tt.text); got != tt.want {
			t.Errorf("%.60q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestEntropy(t *testing.T) {
	for text, want := range map[string]float64{"": 0, "aaaa": 0, "abcd": 2, "aabb": 1, "0123456789abcdef": 4} {
		if got := entropyOf(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func FuzzCredential(f *testing.F) {
	f.Add("password: Tr0ub4dor9xQz")
	f.Add("postgres://a:b@c")
	f.Fuzz(func(_ *testing.T, text string) { credentialIn(text) })
}
