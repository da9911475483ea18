package remote

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// login is what a user told Docker about a registry.
type login struct {
	user, password string
	reason         string // why there is none
}

func (l login) basic() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.user+":"+l.password))
}

// dockerConfig returns where Docker has its configuration.
func dockerConfig() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".docker", "config.json")
}

// dockerHub is how Docker calls docker.io in its configuration.
const dockerHub = "https://index.docker.io/v1/"

// loginFor returns the login to a host from a configuration of Docker. Helpers that
// would have to be executed are not asked.
func loginFor(host, file string) login {
	none := login{reason: "log in with `docker login " + host + "`"}
	content, err := os.ReadFile(file)
	if err != nil {
		return none
	}
	var config struct {
		Auths map[string]struct {
			Auth, Username, Password string
		}
		CredHelpers map[string]string
		CredsStore  string
	}
	if json.Unmarshal(content, &config) != nil {
		return login{reason: file + " cannot be read"}
	}
	for key, auth := range config.Auths {
		if hostOf(key) != host && (host != "docker.io" || key != dockerHub) {
			continue
		}
		if auth.Username != "" {
			return login{user: auth.Username, password: auth.Password}
		}
		decoded, err := base64.StdEncoding.DecodeString(auth.Auth)
		if user, password, ok := strings.Cut(string(decoded), ":"); err == nil && ok {
			return login{user: user, password: strings.TrimRight(password, "\x00")}
		}
	}
	if config.CredsStore != "" || config.CredHelpers[host] != "" {
		none.reason = "the login is kept by a helper program of Docker, which is not executed; use a configuration that has it"
	}
	return none
}

// hostOf returns the host of a key of the configuration, which may be a URL.
func hostOf(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ := strings.Cut(key, "/")
	return host
}
