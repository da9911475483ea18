package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/holdfast-dev/holdfast/strict"
)

// checker finds the mistakes that need more than one field to see.
type checker struct {
	*strict.Decoder
	cfg *Config
}

var (
	namePattern   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	commitPattern = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

func (c *checker) check() {
	c.OneOf("apiVersion", c.cfg.APIVersion, APIVersion)
	c.OneOf("kind", c.cfg.Kind, Kind)
	if name := c.cfg.Checkpoints.Name; !namePattern.MatchString(name) {
		c.At("checkpoints.name", "use lower-case letters, digits and dashes, at most 63", "%q cannot be a name", name)
	}
	sources, clusters, apps := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, s := range c.cfg.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		c.name(at, s.Name, sources)
		c.source(at, s)
	}
	for i, cl := range c.cfg.Clusters {
		at := fmt.Sprintf("clusters[%d]", i)
		c.name(at, cl.Name, clusters)
		c.namespace(at+".inventoryNamespace", cl.Namespace)
	}
	for i, a := range c.cfg.Applications {
		c.name(fmt.Sprintf("applications[%d]", i), a.Name, apps)
	}
	for i, a := range c.cfg.Applications {
		at := fmt.Sprintf("applications[%d]", i)
		c.reference(at+".source", a.Source, "source", sources)
		c.reference(at+".cluster", a.Cluster, "cluster", clusters)
		for j, dep := range a.DependsOn {
			c.reference(fmt.Sprintf("%s.dependsOn[%d]", at, j), dep, "application", apps)
		}
		c.application(at, a)
	}
	c.cycles()
}

func (c *checker) name(at, name string, seen map[string]bool) {
	if name == "" {
		return
	}
	switch {
	case !namePattern.MatchString(name):
		c.At(at+".name", "use lower-case letters, digits and dashes, at most 63", "%q cannot be a name", name)
	case seen[name]:
		c.At(at+".name", "", "the name %q is taken already", name)
	}
	seen[name] = true
}

func (c *checker) source(at string, s Source) {
	if n := count(s.Branch != "", s.Tag != "", s.Semver != ""); n != 1 {
		c.At(at, "write for example `branch: main`", "%s must name exactly one of branch, tag and semver, and names %d", at, n)
	}
	if s.Semver != "" {
		if _, err := semver.NewConstraint(s.Semver); err != nil {
			c.At(at+".semver", `write for example ">=1.2.0 <2.0.0"`, "%q is not a range of versions", s.Semver)
		}
	}
	if s.Interval < minInterval {
		c.At(at+".interval", "", "%s.interval must be at least %v", at, minInterval)
	}
	c.url(at+".url", s.URL, s.Insecure)
	c.url(at+".witness", s.Witness, s.Insecure)
	if s.Witness != "" && s.Witness == s.URL {
		c.At(at+".witness", "name another server, or leave it out", "the witness is the server itself")
	}
	v := s.Verify
	if v.Freshness < 0 {
		c.At(at+".verify.freshness", "", "%s.verify.freshness is negative", at)
	}
	switch {
	case v.Off && (v.Root != "" || v.Bootstrap != ""):
		c.At(at+".verify.disabled", "", "%s.verify is disabled and names whom to trust: remove one of the two", at)
	case !v.Off && v.Root == "" && v.Bootstrap == "":
		c.At(at, "pin a commit you know with `verify: {root: <full commit id>}`, name a signers file with\n  `verify: {bootstrapFile: …}`, or write `verify: {disabled: true}` to accept unsigned commits",
			"%s does not say whom to trust first", at)
	case v.Root != "" && v.Bootstrap != "":
		c.At(at+".verify.root", "", "%s.verify names both root and bootstrapFile: remove one of the two", at)
	case v.Root != "" && !commitPattern.MatchString(v.Root):
		c.At(at+".verify.root", "print it with `git rev-parse HEAD`", "%q is not a full commit id", v.Root)
	}
	c.OneOf(at+".verify.safeguards", string(v.Safeguards), string(EnforceSafeguards), string(WarnSafeguards))
	for _, p := range []struct{ field, path string }{{"signers", v.Signers}, {"keys", v.Keys}, {"revocations", v.Revoked}} {
		c.inside(at+".verify."+p.field, p.path)
	}
}

func (c *checker) url(at, text string, insecure bool) {
	if text == "" {
		return
	}
	// git's own short form: user@host:path.
	if scp := regexp.MustCompile(`^[\w.-]+@[\w.-]+:[^:]+$`); scp.MatchString(text) {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" {
		c.At(at, "use https://…, ssh://… or git@host:path", "this is not a URL that Git can fetch from")
		return
	}
	if _, has := u.User.Password(); has {
		c.At(at, "use an SSH key (sshKeyFile)", "the URL holds a password; secrets do not belong in this file")
	}
	switch u.Scheme {
	case "https", "ssh":
	case "http", "git", "file":
		if !insecure {
			c.At(at, "use https or ssh, or set `allowInsecureTransport: true` for a test", "%s is not an authenticated transport", u.Scheme)
		}
	default:
		c.At(at, "use https or ssh", "%s is not a transport that Holdfast uses", u.Scheme)
	}
}

func (c *checker) namespace(at, name string) {
	if name != "" && !namePattern.MatchString(name) {
		c.At(at, "use lower-case letters, digits and dashes, at most 63", "%q cannot be a namespace", name)
	}
}

func (c *checker) application(at string, a Application) {
	c.namespace(at+".namespace", a.Namespace)
	c.inside(at+".path", a.Path)
	for i, f := range a.Helm.ValuesFiles {
		c.inside(fmt.Sprintf("%s.helm.valuesFiles[%d]", at, i), f)
	}
	c.OneOf(at+".gate.mode", string(a.Gate.Mode), string(Enforce), string(Audit))
	c.OneOf(at+".heal", string(a.Heal), string(Auto), string(Off))
	c.OneOf(at+".rollback", string(a.Rollback), string(Auto), string(Off))
	if a.Prune.MaxPercent < 1 || a.Prune.MaxPercent > 100 {
		c.At(at+".prune.maxPercent", "", "%d is not a percentage from 1 to 100", a.Prune.MaxPercent)
	}
	if a.Prune.MaxCount < 0 {
		c.At(at+".prune.maxCount", "", "%d is not a number of objects", a.Prune.MaxCount)
	}
}

// inside reports a path that is not a clean path inside the repository.
func (c *checker) inside(at, p string) {
	if p == "" {
		return
	}
	clean := path.Clean(p)
	if path.IsAbs(p) || clean == ".." || strings.HasPrefix(clean, "../") {
		c.At(at, "paths start at the root of the repository", "%q is outside of the repository", p)
	}
}

func (c *checker) reference(at, name, what string, known map[string]bool) {
	if name == "" || known[name] {
		return
	}
	names := make([]string, 0, len(known))
	for k := range known {
		names = append(names, k)
	}
	slices.Sort(names)
	c.At(at, strict.Suggest(name, names), "there is no %s named %q", what, name)
}

// cycles reports each application whose dependencies lead back to it.
func (c *checker) cycles() {
	for i, a := range c.cfg.Applications {
		if loop := c.walk(a.Name, a.Name, map[string]bool{}); loop != nil {
			c.At(fmt.Sprintf("applications[%d].dependsOn", i), "", "%s depends on itself: %s", a.Name, strings.Join(append([]string{a.Name}, loop...), " → "))
		}
	}
}

// walk returns a way along dependencies, or nil.
func (c *checker) walk(from, goal string, seen map[string]bool) []string {
	app := c.cfg.Application(from)
	if app == nil || seen[from] {
		return nil
	}
	seen[from] = true
	for _, dep := range app.DependsOn {
		if dep == goal {
			return []string{dep}
		}
		if rest := c.walk(dep, goal, seen); rest != nil {
			return append([]string{dep}, rest...)
		}
	}
	return nil
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
