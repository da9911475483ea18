// Package config reads holdfast.yaml: which sources to follow, which clusters
// to keep, and which applications go from one to the other on what terms.
//
//	Source       a Git repository, the ref that counts, and whom to trust
//	Cluster      a kubeconfig context
//	Application  a path of a source that runs on a cluster, and its terms
//
// All mistakes are reported at once, each with file, line, column and what to
// write instead. Relative paths are relative to the file.
package config

import (
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// The apiVersion and kind of the file.
const (
	APIVersion = "holdfast.dev/v1alpha1"
	Kind       = "Config"
)

// Config is the whole of holdfast.yaml.
type Config struct {
	APIVersion   string        `yaml:"apiVersion,required"`
	Kind         string        `yaml:"kind,required"`
	StateDir     string        `yaml:"stateDir"` // default: state beside the file
	Policies     Policies      `yaml:"policies"`
	Sources      []Source      `yaml:"sources,required"`
	Clusters     []Cluster     `yaml:"clusters,required"`
	Applications []Application `yaml:"applications,required"`
	Checkpoints  Checkpoints   `yaml:"checkpoints"`

	File   *source.File `yaml:"-"`
	Digest string       `yaml:"-"` // "sha256:" and the digits of the file
}

// Policies says which packs judge.
type Policies struct {
	Builtin *bool    `yaml:"builtin"` // default true
	Packs   []string `yaml:"packs"`   // directories, or pinned references
	Disable []string `yaml:"disable"` // policy ids
	Params  []string `yaml:"params"`  // id.name=value
}

// Checkpoints says where checkpoints of the ledger are kept beside the state directory:
// in all clusters, and in files.
type Checkpoints struct {
	Name  string   `yaml:"name"`  // of this operator among those that share a cluster; default default
	Files []string `yaml:"files"` // on other disks than the state directory
}

// Source is a Git repository to follow.
type Source struct {
	Name      string        `yaml:"name,required"`
	URL       string        `yaml:"url,required"`
	Branch    string        `yaml:"branch"` // exactly one of branch, tag and semver
	Tag       string        `yaml:"tag"`
	Semver    string        `yaml:"semver"` // a range over tags, such as ">=1.2 <2"
	Interval  time.Duration `yaml:"interval"`
	Verify    Verify        `yaml:"verify"`
	Witness   string        `yaml:"witness"`                // URL of another server with the same repository, to compare
	Insecure  bool          `yaml:"allowInsecureTransport"` // http, git and file URLs
	SSHKey    string        `yaml:"sshKeyFile"`
	KnownHost string        `yaml:"knownHostsFile"`
}

// Verify says whom a source trusts. Signers are read from the last accepted
// commit; the first one is pinned here.
type Verify struct {
	Off       bool   `yaml:"disabled"`      // accept unsigned commits; force-pushes are held all the same
	Signers   string `yaml:"signers"`       // path in the repository; default .holdfast/allowed_signers
	Keys      string `yaml:"keys"`          // directory of OpenPGP keys in the repository; default .holdfast/gpg
	Revoked   string `yaml:"revocations"`   // revocation list in the repository, without which nothing passes
	Root      string `yaml:"root"`          // full id of a commit that is trusted as it is
	Bootstrap string `yaml:"bootstrapFile"` // a signers file on this machine, instead of root

	// Freshness is how often something new has to be served, if that is known: 24h. What
	// is older is held, since a server may keep new commits to itself.
	Freshness time.Duration `yaml:"freshness"`

	// Safeguards says what becomes of commits that weaken what protects.
	Safeguards SafeguardMode `yaml:"safeguards"` // enforce (default), or warn
}

// SafeguardMode is what is done with commits that weaken safeguards.
type SafeguardMode string

// The modes: refuse them unless they are approved, or tell about them.
const (
	EnforceSafeguards SafeguardMode = "enforce"
	WarnSafeguards    SafeguardMode = "warn"
)

// Cluster is where applications run.
type Cluster struct {
	Name       string `yaml:"name,required"`
	Kubeconfig string `yaml:"kubeconfig"` // default: $KUBECONFIG, then ~/.kube/config
	Context    string `yaml:"context"`
	AllowExec  bool   `yaml:"allowExecPlugins"`
	Namespace  string `yaml:"inventoryNamespace"` // default holdfast-system
}

// Application is a path of a source that runs on a cluster.
type Application struct {
	Name      string   `yaml:"name,required"`
	Source    string   `yaml:"source,required"`
	Path      string   `yaml:"path,required"`
	Cluster   string   `yaml:"cluster,required"`
	Namespace string   `yaml:"namespace"`       // for objects that name none
	CreateNS  bool     `yaml:"createNamespace"` // make Namespace if it does not exist; it is never deleted
	DependsOn []string `yaml:"dependsOn"`
	Gate      Gate     `yaml:"gate"`
	Heal      Switch   `yaml:"heal"`
	Rollback  Switch   `yaml:"rollback"`
	Prune     Prune    `yaml:"prune"`
	Health    Health   `yaml:"health"`
	Helm      Helm     `yaml:"helm"`
}

// Gate says what blocks a revision.
type Gate struct {
	Mode   GateMode          `yaml:"mode"`   // enforce (default) or audit
	FailOn *finding.Severity `yaml:"failOn"` // default high
	All    bool              `yaml:"all"`    // problems that already run block too
}

// GateMode is what the gate does with what it finds.
type GateMode string

// The modes of the gate.
const (
	Enforce GateMode = "enforce"
	Audit   GateMode = "audit"
)

// Switch is auto or off.
type Switch string

// The positions of a switch.
const (
	Auto Switch = "auto"
	Off  Switch = "off"
)

// Prune limits what one revision may delete.
type Prune struct {
	Off        bool     `yaml:"disabled"`
	MaxCount   int      `yaml:"maxCount"`   // objects; 0 for the default of 50
	MaxPercent int      `yaml:"maxPercent"` // of the inventory; default 50
	Protect    []string `yaml:"protect"`    // kinds that are never deleted, besides the built-in ones
}

// Health says how long a revision may take to become healthy.
type Health struct {
	Timeout time.Duration `yaml:"timeout"` // default 5m
	Off     bool          `yaml:"disabled"`
}

// Helm holds values for charts.
type Helm struct {
	Release     string   `yaml:"releaseName"`
	ValuesFiles []string `yaml:"valuesFiles"` // paths in the repository
	IncludeCRDs *bool    `yaml:"includeCRDs"` // default true
}

// Defaults of the file.
const (
	DefaultInterval   = 30 * time.Second
	DefaultTimeout    = 5 * time.Minute
	DefaultSigners    = ".holdfast/allowed_signers"
	DefaultKeys       = ".holdfast/gpg"
	DefaultMaxPercent = 50
	DefaultNamespace  = "holdfast-system"
	minInterval       = 200 * time.Millisecond
)

// Load reads and checks a configuration file. The error is an Errors when the
// file was read but is not right.
func Load(path string) (*Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cfg, err := Decode(source.NewFile(path, content))
	if err != nil {
		return nil, err
	}
	cfg.resolvePaths(filepath.Dir(path))
	return cfg, nil
}

func (c *Config) setDefaults() {
	if c.StateDir == "" {
		c.StateDir = "state"
	}
	setDefault(&c.Checkpoints.Name, "default")
	for i := range c.Sources {
		s := &c.Sources[i]
		setDefault(&s.Interval, DefaultInterval)
		setDefault(&s.Verify.Signers, DefaultSigners)
		setDefault(&s.Verify.Keys, DefaultKeys)
		setDefault(&s.Verify.Safeguards, EnforceSafeguards)
	}
	for i := range c.Clusters {
		setDefault(&c.Clusters[i].Namespace, DefaultNamespace)
	}
	for i := range c.Applications {
		a := &c.Applications[i]
		setDefault(&a.Gate.Mode, Enforce)
		setDefault(&a.Heal, Auto)
		setDefault(&a.Rollback, Auto)
		setDefault(&a.Prune.MaxPercent, DefaultMaxPercent)
		setDefault(&a.Health.Timeout, DefaultTimeout)
		if a.Gate.FailOn == nil {
			high := finding.High
			a.Gate.FailOn = &high
		}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// resolvePaths makes the paths of files on this machine absolute.
func (c *Config) resolvePaths(dir string) {
	abs := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	abs(&c.StateDir)
	for i := range c.Checkpoints.Files {
		abs(&c.Checkpoints.Files[i])
	}
	for i, pack := range c.Policies.Packs {
		if !policy.IsRemote(pack) {
			abs(&c.Policies.Packs[i])
		}
	}
	for i := range c.Sources {
		abs(&c.Sources[i].Verify.Bootstrap)
		abs(&c.Sources[i].SSHKey)
		abs(&c.Sources[i].KnownHost)
	}
	for i := range c.Clusters {
		abs(&c.Clusters[i].Kubeconfig)
	}
}

// LedgerDir is where the ledger of the loop is.
func (c *Config) LedgerDir() string { return filepath.Join(c.StateDir, "ledger") }

// Source returns the source with a name, or nil.
func (c *Config) Source(name string) *Source {
	for i := range c.Sources {
		if c.Sources[i].Name == name {
			return &c.Sources[i]
		}
	}
	return nil
}

// Cluster returns the cluster with a name, or nil.
func (c *Config) Cluster(name string) *Cluster {
	for i := range c.Clusters {
		if c.Clusters[i].Name == name {
			return &c.Clusters[i]
		}
	}
	return nil
}

// Application returns the application with a name, or nil.
func (c *Config) Application(name string) *Application {
	for i := range c.Applications {
		if c.Applications[i].Name == name {
			return &c.Applications[i]
		}
	}
	return nil
}
