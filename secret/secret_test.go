package secret

import (
	"fmt"
	"strings"
	"testing"
)

// TestEveryKindIsFound makes secrets of each kind by its pattern, and looks for
// them in files of several formats.
func TestEveryKindIsFound(t *testing.T) {
	d := &Detector{}
	for i := range kinds {
		k := &kinds[i]
		if k.pattern == "" || k.accept != nil {
			continue // see the tests of these
		}
		for seed := range uint64(5) {
			var text string
			for retry := uint64(0); ; retry++ { // until it does not hold a stand-in by chance
				text = matching(t, seeded(seed+100*retry), k.pattern)
				if got := d.Find("x", []byte(text)); len(got) > 0 || retry == 20 {
					break
				}
			}
			for _, format := range []string{"%s", "a: %s\n", "{\"a\": \"%s\"}\n", "A=%s\nB=1\n", "x '%s' y", "{\"a\": \"first\\n%s\\nlast\"}"} {
				content := fmt.Sprintf(format, text)
				hits := d.Find("deploy/config", []byte(content))
				if len(hits) != 1 || hits[0].Kind != k.name {
					t.Errorf("%s: found %v in a text like %q", k.name, names(hits), format)
				}
			}
		}
	}
}

func names(hits []Hit) (all []string) {
	for _, h := range hits {
		all = append(all, h.Kind)
	}
	return all
}

func TestFind(t *testing.T) {
	r := seeded(1)
	token := "ghp_" + random62(r, 36)
	pass := "vT7" + random62(r, 15) + "4k2Z"
	key := newKey(t)
	escaped := strings.ReplaceAll(key, "\n", `\n`)
	auth := b64("deploy:" + pass)
	signature := random62(r, 43)
	const head = `{"alg":"RS256","typ":"JWT"}`

	for _, test := range []struct {
		reason, path, content string
		want                  string // kind, or "" for nothing
	}{
		{"as it is", "id", key, "private key"},
		{"indented in YAML", "a.yaml", "key: |\n  " + strings.ReplaceAll(key, "\n", "\n  "), "private key"},
		{"a string of JSON, as in keys of service accounts", "sa.json", `{"private_key": "` + escaped + `"}`, "private key"},
		{"in base64, as in a kubeconfig", "kubeconfig", "client-key-data: " + b64(key), "private key in base64"},
		{"of SSH", "id_ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n" + random62(r, 70) + "\n" + random62(r, 300) + "\n-----END OPENSSH PRIVATE KEY-----", "private key"},
		{"a public key", "a.pem", "-----BEGIN PUBLIC KEY-----\n" + random62(r, 70) + "\n-----END PUBLIC KEY-----", ""},
		{"a certificate", "tls.crt", "-----BEGIN CERTIFICATE-----\n" + random62(r, 700) + "\n-----END CERTIFICATE-----", ""},
		{"a certificate in base64", "a.yaml", "ca: " + b64("-----BEGIN CERTIFICATE-----\n"+random62(r, 700)), ""},
		{"a key that is cut off, as in documentation", "a.md", "-----BEGIN RSA PRIVATE KEY-----\n" + random62(r, 64) + "\n-----END RSA PRIVATE KEY-----", ""},
		{"a key with dots for what is left out", "a", "-----BEGIN RSA PRIVATE KEY-----\n" + random62(r, 400) + "\n...\n-----END RSA PRIVATE KEY-----", ""},
		{"the words alone", "a.go", `const start = "-----BEGIN PRIVATE KEY-----"`, ""},
		{"an SSH public key", "a.pub", "ssh-rsa AAAAB3NzaC1yc2E" + random62(r, 300), ""},

		{"a token in a program", "main.go", `var x = "` + token + `"`, "GitHub token"},
		{"a token in a comment of documentation", "README.md", "use " + token, "GitHub token"},
		{"a token of a test may be a real one", "a_test.go", `"` + token + `"`, "GitHub token"},
		{"a stand-in for a token", "a", "ghp_" + strings.Repeat("x", 36), ""},
		{"a token that counts", "a", "ghp_1234567890abcdefghijklmnopqrstuvwxyz", ""},
		{"a token that says that it is one of an example", "a", "AKIA" + "IOSFODNN7EXAMPLE", ""},
		{"too short to be one", "a", "ghp_" + random62(r, 12), ""},

		{"a setting of YAML", "a.yaml", "password: " + pass, "secret in a setting"},
		{"with quotes", "a.yaml", `apiKey: "` + pass + `"`, "secret in a setting"},
		{"of JSON", "a.json", `{"client_secret": "` + pass + `", "x": 1}`, "secret in a setting"},
		{"of properties", "a.properties", "spring.datasource.password=" + pass, "secret in a setting"},
		{"of a shell", "a.sh", "export API_TOKEN='" + pass + "'", "secret in a setting"},
		{"of XML", "a.xml", "<password>" + pass + "</password>", "secret in a setting"},
		{"of a program", "a.py", "API_SECRET_KEY = '" + pass + "'", "secret in a setting"},
		{"of Ruby", "a.rb", ":secret_key_base => '" + pass + "'", "secret in a setting"},
		{"a flag", "a.sh", "login --password " + pass + " --user x", "secret in a setting"},
		{"of npm", ".npmrc", "//registry.example.org/:_authToken=" + pass, "secret in a setting"},
		{"JSON in a string", "a.go", `x := "{\"password\": \"` + pass + `\"}"`, "secret in a setting"},
		{"chosen by a person", "main.tf", `administrator_login_password = "Sommer` + `2026!"`, "secret in a setting"},
		{"in a test", "a_test.go", `password := "` + pass + `"`, ""},
		{"in a folder of fixtures", "testdata/a.yaml", "password: " + pass, ""},
		{"in documentation", "docs/a.md", "password: " + pass, ""},
		{"in a lock file", "package-lock.json", `"x-token": "` + pass + `"`, ""},
		{"a variable", "a.yaml", "password: ${DB_PASSWORD_12ab34Cd}", ""},
		{"a template", "a.yaml", "password: {{ .Values.db1.passwordX9 }}", ""},
		{"a template with quotes", "a.yaml", `password: "{{ .Values.db1.passwordX9 }}"`, ""},
		{"an expression of a pipeline", "a.yaml", "token: ${{ secrets.GITHUB_TOKEN }}", ""},
		{"a call", "a.py", "password = os.environ['A1b2C3d4E5f6']", ""},
		{"a variable of a program", "a.go", "password = config1.DbPassword2Value3", ""},
		{"encrypted by SOPS", "a.yaml", "password: ENC[AES256_GCM,data:9f8A7b6C5d4E,iv:x=,tag:y=,type:str]", ""},
		{"encrypted for a cluster", "a.yaml", "password: Ag" + random62(r, 500), ""},
		{"a name", "a.yaml", "existingSecret: kube-prometheus-stack-45-2-1", ""},
		{"a reference", "a.yaml", "secretName: " + pass, ""},
		{"a path", "a.yaml", "token: /var/run/secrets/a1B2c3D4e5F6/token", ""},
		{"an address", "a.yaml", "token: https://host/a1B2c3D4e5F6", ""},
		{"an id", "a.yaml", "token: 3f2c1b0a-9d8e-4c7b-a6f5-0123456789ab", ""},
		{"a word", "a.yaml", "password: correcthorse", ""},
		{"a stand-in", "a.yaml", "password: changeme123ABCdef", ""},
		{"a stand-in in base64", "a.yaml", "password: " + b64("changeme-123456"), ""},
		{"a digest", "a.yaml", "image-digest: sha256:" + strings.Repeat("9f86d081884c7d65", 4), ""},
		{"an integrity value", "a.json", `"integrity": "sha512-` + random62(r, 86) + `=="`, ""},
		{"a commit", "a.yaml", "revision: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", ""},
		{"a comparison", "a.go", `if token == "` + pass + `" {`, ""},
		{"a policy of ours with its examples", "p.yaml", "apiVersion: holdfast.dev/v1alpha1\nkind: Policy\nx: |\n  password: " + pass, ""},

		{"in a URL", "a.env", "DB=postgres://web:hunter2@db.internal:5432/web", "password in a URL"},
		{"without a user", "a.env", "redis://:" + pass + "@cache:6379", "password in a URL"},
		{"a stand-in in a URL", "a.env", "postgres://user:password@host/db", ""},
		{"a variable in a URL", "a.env", "postgres://web:${PASS}@db/web", ""},
		{"for a host of examples", "a.env", "https://ann:" + pass + "@registry.example.com", ""},
		{"the same as the user, as images have it", "a.env", "postgres://postgres:postgres@db/web", ""},
		{"a port and a mail address", "a.txt", "http://host:8080/a@b", ""},
		{"in documentation, and not random", "a.md", "postgres://web:hunter2@db/web", ""},
		{"in documentation, and random", "a.md", "postgres://web:" + pass + "@db/web", "password in a URL"},

		{"a login for a registry", "config.json", `{"auths": {"r": {"auth": "` + auth + `"}}}`, "password for a registry"},
		{"the whole of it in base64", "a.yaml", "x: " + b64(`{"auths":{"r":{"auth":"`+auth+`"}}}`), "configuration of registries with passwords"},
		{"a stand-in for a login", "config.json", `{"auth": "` + b64("user:changeme") + `"}`, ""},
		{"basic authentication", "a.sh", "curl -H 'Authorization: Basic " + auth + "'", "authorization header"},
		{"bearer authentication", "a.sh", `curl -H "Authorization: Bearer ` + pass + pass + `"`, "bearer token"},

		{"a web token", "a", "x " + jwt(head, `{"sub":"system:serviceaccount:a:b"}`, signature), "JSON web token"},
		{"not signed", "a", jwt(`{"alg":"none"}`, `{"sub":"a"}`, signature), ""},
		{"meant to be public", "a", jwt(head, `{"role":"anon"}`, signature), ""},
		{"the well-known example", "a", jwt(`{"alg":"HS256","typ":"JWT"}`, `{"sub":"1234567890","name":"John Doe"}`, signature), ""},
		{"no object", "a", "eyJ" + random62(r, 20) + ".eyJ" + random62(r, 20) + "." + signature, ""},

		{"binary", "a", "\x00" + token, ""},
		{"too large", "a", token + strings.Repeat(" ", MaxSize), ""},
		{"a long line", "a.min.js", strings.Repeat("x=1;", 30_000) + `"` + token + `"` + strings.Repeat(";y=2", 30_000), "GitHub token"},
	} {
		hits := (&Detector{}).Find(test.path, []byte(test.content))
		var want []string
		if test.want != "" {
			want = []string{test.want}
		}
		if fmt.Sprint(names(hits)) != fmt.Sprint(want) {
			t.Errorf("%s: found %v, want %v", test.reason, names(hits), want)
		}
	}
}

// TestSpans: the span is of the secret, and of nothing else.
func TestSpans(t *testing.T) {
	token, pass := "glpat-"+random62(seeded(2), 20), "kV9"+random62(seeded(3), 17)
	content := "a: b\r\ntoken: \"" + token + "\"\r\nurl: amqp://app:" + pass + "@mq\r\npassword: " + pass + "\r\n"
	var got []string
	for _, h := range (&Detector{}).Find("a.yaml", []byte(content)) {
		got = append(got, content[h.Span.Start:h.Span.End])
	}
	if want := []string{token, pass, pass}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("found %d texts that are not the secrets: lengths %d", len(got), len(strings.Join(got, "")))
	}
}

func TestWithout(t *testing.T) {
	content := []byte("token: ghp_" + random62(seeded(4), 36))
	if hits := (&Detector{Without: []string{"HF-SECRET-003"}}).Find("a", content); len(hits) != 0 {
		t.Errorf("what a rule that is not used would find is found as %v", names(hits))
	}
}

func TestRulesAreDocumented(t *testing.T) {
	used := map[int]bool{}
	for i := range kinds {
		used[kinds[i].rule] = true
		for _, word := range kinds[i].keywords {
			if word != strings.ToLower(word) || word == "" {
				t.Errorf("%s: keyword %q is not in lower case", kinds[i].name, word)
			}
		}
		if (kinds[i].search != nil) != (kinds[i].reach > 0) || kinds[i].reach > 0 && len(kinds[i].keywords) != 1 {
			t.Errorf("%s: what reaches over lines has one keyword and a search", kinds[i].name)
		}
	}
	for i, r := range Rules() {
		if r.ID != fmt.Sprintf("HF-SECRET-%03d", i+1) || r.Title == "" || r.Why == "" || r.Remediation == "" || len(r.References) == 0 || !used[i] {
			t.Errorf("%s is not documented, or no kind is of it", r.ID)
		}
		if !IsRule(r.ID) {
			t.Errorf("%s is not known", r.ID)
		}
	}
}
