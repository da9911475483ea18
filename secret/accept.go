package secret

import (
	"bytes"
	"encoding/json"
	"strings"
)

// acceptLogin judges a user, a colon and a password in base64, as they are in
// HTTP's basic authentication and in Docker's configuration for a registry.
func acceptLogin(_ class, _, value []byte) bool {
	_, password, ok := bytes.Cut(unbase64(value), []byte(":"))
	return ok && len(password) >= 4 && printable(password) && !placeholder(password) && notAWord(password)
}

// acceptRegistryConfig judges a whole configuration of Docker in base64.
func acceptRegistryConfig(f class, _, value []byte) bool {
	var config struct {
		Auths map[string]struct{ Auth, Password string }
	}
	if json.Unmarshal(unbase64(value), &config) != nil {
		return false
	}
	for _, registry := range config.Auths {
		if acceptLogin(f, nil, []byte(registry.Auth)) || len(registry.Password) > 3 && !placeholder([]byte(registry.Password)) {
			return true
		}
	}
	return false
}

// acceptJWT judges a JSON web token: both of its parts must be objects, it must
// be signed, and not be one that is meant to be public or of documentation.
func acceptJWT(_ class, _, value []byte) bool {
	parts := bytes.Split(value, []byte("."))
	var head struct{ Alg string }
	var claims map[string]any
	if json.Unmarshal(unbase64(parts[0]), &head) != nil || json.Unmarshal(unbase64(parts[1]), &claims) != nil {
		return false
	}
	if head.Alg == "" || strings.EqualFold(head.Alg, "none") || claims["role"] == "anon" || entropy(parts[2]) < 3.5 {
		return false
	}
	return claims["sub"] != "1234567890" && !bytes.Contains(bytes.ToLower(parts[2]), []byte("signature")) && !repeats(parts[2])
}

// acceptBearer judges an opaque bearer token.
func acceptBearer(_ class, _, value []byte) bool { return random(value) }

// acceptBootstrap judges a bootstrap token: two words with a dot look the same.
func acceptBootstrap(f class, _, value []byte) bool {
	return !f.code && !f.prose && bytes.ContainsFunc(value, func(r rune) bool { return r >= '0' && r <= '9' })
}
