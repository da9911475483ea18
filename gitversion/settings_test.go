package gitversion_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/gitversion"
)

func TestWeakSettings(t *testing.T) {
	for _, test := range []struct{ key, value, want, reason string }{
		{"safe.directory", "*", "safe.directory", "everybody's repositories"},
		{"safe.directory", "/srv/git/*", "", "some directories"},
		{"protocol.ext.allow", "always", "protocol.ext.allow", "runs programs"},
		{"protocol.ext.allow", "never", "", "the default"},
		{"protocol.file.allow", "always", "protocol.file.allow", "before 2.38.1"},
		{"protocol.allow", "never", "", "stricter than the default"},
		{"http.sslVerify", "false", "http.sslverify", "letters do not count"},
		{"http.https://git.example/.sslVerify", "0", "http.sslverify", "for one URL"},
		{"http.sslverify", "true", "", "the default"},
		{"http.followRedirects", "true", "http.followredirects", "also later ones"},
		{"http.followRedirects", "initial", "", "the default"},
		{"core.fsmonitor", "/tmp/hook", "core.fsmonitor", "a program"},
		{"core.fsmonitor", "true", "", "Git's own"},
		{"core.sshCommand", "ssh -o StrictHostKeyChecking=no", "core.sshcommand", "any host"},
		{"core.sshCommand", "ssh -o 'UserKnownHostsFile /dev/null'", "core.sshcommand", "written in the other way"},
		{"credential.helper", "store --file x", "credential.helper", "plain passwords"},
		{"credential.https://x.example.helper", "store", "credential.helper", "for one URL"},
		{"credential.helper", "cache", "", "in memory"},
		{"url.https://evil.example/.insteadOf", "https://github.com/", "url.*.insteadof", "another host"},
		{"url.ssh://git@github.com/.insteadOf", "https://github.com/", "", "the same host"},
		{"url.git@github.com:.insteadOf", "https://github.com/", "", "the same host, as scp writes it"},
		{"url.https://github.com/.insteadOf", "gh:", "", "a name of one's own"},
		{"url.https://evil.example/.insteadOf", "https://", "url.*.insteadof", "every host"},
		{"url.https://evil.example/.pushInsteadOf", "git@github.com:", "url.*.pushinsteadof", "for pushes"},
		{"url./tmp/x/.insteadOf", "https://github.com/", "url.*.insteadof", "a directory"},
		{"user.name", "sslverify=false", "", "something else"},
	} {
		found := gitversion.WeakSettings([]git.UserSetting{{Origin: "/home/a/.gitconfig", Key: test.key, Value: test.value}})
		got := ""
		for _, f := range found {
			got += f.Subject.Name
		}
		if got != test.want {
			t.Errorf("%s=%s: %q, want %q: %s", test.key, test.value, got, test.want, test.reason)
		}
	}
}

func TestWeakSettingsShowNoSecret(t *testing.T) {
	found := gitversion.WeakSettings([]git.UserSetting{{Key: "url.https://me:swordfish@evil.example/.insteadOf", Value: "https://you:swordfish@github.com/"}})
	if len(found) != 1 || strings.Contains(found[0].Message, "swordfish") || !strings.Contains(found[0].Message, "github.com goes to evil.example") {
		t.Errorf("%+v", found)
	}
}

func TestWeakSettingsThatAreOverridden(t *testing.T) {
	found := gitversion.WeakSettings([]git.UserSetting{
		{Origin: "/etc/gitconfig", Key: "http.sslverify", Value: "false"}, {Origin: "/home/a/.gitconfig", Key: "http.sslverify", NoEq: true},
		{Origin: "/etc/gitconfig", Key: "safe.directory", Value: "*"}, {Origin: "/home/a/.gitconfig", Key: "safe.directory", Value: "/srv"},
	})
	if len(found) != 1 || found[0].Subject.Name != "safe.directory" {
		t.Errorf("%+v", found)
	}
}
