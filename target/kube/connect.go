package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// Names that Holdfast uses in the cluster.
const (
	FieldManager       = "holdfast"
	LabelApplication   = "holdfast.dev/application"
	AnnotationReplace  = "holdfast.dev/replace" // "true": recreate the object where a change needs it
	AnnotationPrune    = "holdfast.dev/prune"   // "disabled": never delete the object
	DefaultInventories = "holdfast-system"      // the namespace of inventories
)

// Options says how to reach a cluster and how to treat it.
type Options struct {
	Kubeconfig         string        // file; empty for what kubectl would use, or the service account of the pod
	Context            string        // empty for the current one
	Impersonate        string        // user to act as, such as system:serviceaccount:web:deployer
	UserAgent          string        // default "holdfast"
	QPS                float32       // requests per second; default 500
	Burst              int           // default 2 * QPS
	Concurrency        int           // requests at a time in one call; default 8
	Timeout            time.Duration // of one request; default 30 s
	InventoryNamespace string        // default holdfast-system
	AllowExec          bool          // kubeconfigs may run programs to get credentials
}

// App is an application, as far as a cluster is concerned.
type App struct {
	Name            string
	Namespace       string // for namespaced objects that name none; default "default"
	CreateNamespace bool   // creates Namespace where it does not exist; it is never deleted
	Revision        string // commit that is planned or applied
}

// Cluster is a connection to one Kubernetes API server. It is safe for
// concurrent use.
type Cluster struct {
	options  Options
	config   *rest.Config
	dynamic  dynamic.Interface
	metadata metadata.Interface
	mapper   *mapper
	health   *rulebook
}

// Connect prepares a connection. It makes no request, so a cluster that is
// down is no error here.
//
// A kubeconfig that runs a program for its credentials is refused unless
// AllowExec is set: who may write the file could run anything.
func Connect(o Options) (*Cluster, error) {
	o = o.withDefaults()
	config, err := o.load()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, o.broken("its certificates or credentials cannot be read")
	}
	return o.connect(config, client)
}

func (o Options) connect(config *rest.Config, client *http.Client) (*Cluster, error) {
	dyn, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return nil, o.broken("its server address is not valid")
	}
	meta, err := metadata.NewForConfigAndClient(metadata.ConfigFor(config), client)
	if err != nil {
		return nil, o.broken("its server address is not valid")
	}
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(config, client)
	if err != nil {
		return nil, o.broken("its server address is not valid")
	}
	c := &Cluster{options: o, config: config, dynamic: dyn, metadata: meta, health: builtinRules()}
	c.mapper = &mapper{cluster: c, rest: disco.RESTClient()}
	return c, nil
}

func (o Options) withDefaults() Options {
	if o.UserAgent == "" {
		o.UserAgent = "holdfast"
	}
	if o.QPS == 0 {
		o.QPS = 500
	}
	if o.Burst == 0 {
		o.Burst = int(2 * o.QPS)
	}
	if o.Concurrency <= 0 {
		o.Concurrency = 8
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.InventoryNamespace == "" {
		o.InventoryNamespace = DefaultInventories
	}
	return o
}

func (o Options) load() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	rules.WarnIfAllMissing = false
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	if raw, err := loader.RawConfig(); err != nil {
		return nil, o.unloadable(err)
	} else if o.Context != "" && raw.Contexts[o.Context] == nil {
		return nil, o.broken(fmt.Sprintf("it has no context %q; kubectl config get-contexts lists them", o.Context))
	}
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, o.unloadable(err)
	}
	if config.ExecProvider != nil && !o.AllowExec {
		return nil, o.broken(fmt.Sprintf("it runs the program %q to get credentials; use a token or a certificate, or allow exec plugins for this cluster", config.ExecProvider.Command))
	}
	if config.AuthProvider != nil && !o.AllowExec {
		return nil, o.broken("it uses an auth provider plugin; use a token or a certificate")
	}
	config.UserAgent = o.UserAgent
	config.QPS, config.Burst = o.QPS, o.Burst
	config.WarningHandler = rest.NoWarnings{}
	if o.Impersonate != "" {
		config.Impersonate = rest.ImpersonationConfig{UserName: o.Impersonate}
	}
	return config, nil
}

// unloadable explains why a kubeconfig could not be loaded. The errors of a
// decoder can quote the file, tokens included, so only known ones are passed on.
func (o Options) unloadable(err error) error {
	var path *fs.PathError
	switch {
	case errors.As(err, &path):
		return o.broken(path.Error())
	case clientcmd.IsEmptyConfig(err):
		return o.broken("there is none; name a kubeconfig file")
	case clientcmd.IsConfigurationInvalid(err):
		return o.broken(err.Error())
	}
	return o.broken("it is not a valid kubeconfig file")
}

func (o Options) broken(why string) error {
	name := o.Kubeconfig
	if name == "" {
		name = "the default"
	}
	return &target.Error{Kind: target.Invalid, Op: "use kubeconfig " + name, Message: why}
}

// Host returns the address of the API server.
func (c *Cluster) Host() string { return c.config.Host }

// ServerVersion asks the API server for its version, such as v1.37.2. It tells
// whether the server can be reached.
func (c *Cluster) ServerVersion(ctx context.Context) (string, error) {
	var answer string
	err := c.call(ctx, subject{op: "read the version of the API server"}, func(ctx context.Context) error {
		body, err := c.mapper.rest.Get().AbsPath("/version").DoRaw(ctx)
		if err != nil {
			return err
		}
		var info version.Info
		if err := json.Unmarshal(body, &info); err != nil {
			return errUnreadable
		}
		answer = info.GitVersion
		return nil
	})
	return answer, err
}

// dynamicFor returns the client for the kind of an object and its namespace.
func (c *Cluster) dynamicFor(m mapping, id resource.ID) dynamic.ResourceInterface {
	if m.namespaced {
		return c.dynamic.Resource(m.gvr).Namespace(id.Namespace)
	}
	return c.dynamic.Resource(m.gvr)
}

// metadataFor returns a client that transfers metadata only.
func (c *Cluster) metadataFor(m mapping, id resource.ID) metadata.ResourceInterface {
	if m.namespaced {
		return c.metadata.Resource(m.gvr).Namespace(id.Namespace)
	}
	return c.metadata.Resource(m.gvr)
}
