package git

import (
	"reflect"
	"testing"
)

func TestParseUserSettings(t *testing.T) {
	got := parseUserSettings([]byte("file:/etc/gitconfig\x00a.b\nx\ny\x00command line:\x00c.d\x00file:/x\x00e.f\n\x00file:/cut"))
	want := []UserSetting{{"/etc/gitconfig", "a.b", "x\ny", false}, {"command line:", "c.d", "", true}, {"/x", "e.f", "", false}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestEnvironmentSettings(t *testing.T) {
	env := map[string]string{"GIT_SSL_NO_VERIFY": "1", "GIT_SSH_COMMAND": "ssh -v", "GIT_ALLOW_PROTOCOL": "https:ext"}
	got := environmentSettings(func(name string) string { return env[name] })
	if len(got) != 3 || got[0].Key != "http.sslverify" || got[1].Value != "ssh -v" || got[2].Value != "always" {
		t.Errorf("%+v", got)
	}
	if got := environmentSettings(func(string) string { return "" }); len(got) != 0 {
		t.Errorf("%+v of nothing", got)
	}
}

// The configuration of a repository is not the user's.
func TestUserSettingsAreNotOfARepository(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "http.sslVerify")
	t.Setenv("GIT_CONFIG_VALUE_0", "false")
	t.Setenv("GIT_DIR", dir)
	all, err := UserSettings(t.Context(), "git")
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, s := range all {
		seen = seen || s.Key == "http.sslverify" && s.Value == "false"
		if s.Key == "core.bare" {
			t.Errorf("%+v is of a repository", s)
		}
	}
	if !seen {
		t.Errorf("%+v lacks what the environment sets", all)
	}
}
