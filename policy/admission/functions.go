package admission

import (
	"strings"
	"sync"

	"github.com/google/cel-go/common/ast"
)

// oldestMinor is the first Kubernetes 1.x in which admission policies are there
// without a feature gate.
const oldestMinor = 30

// functions are those of API servers, by the first Kubernetes 1.x that lets new
// policies use them. That is one later than the one that can evaluate them, so
// that an upgrade can be undone.
var functions = []struct {
	minor int
	names string
}{
	{30, "bool bytes contains double duration dyn endsWith getDate getDayOfMonth getDayOfWeek getDayOfYear getFullYear " +
		"getHours getMilliseconds getMinutes getMonth getSeconds int matches size startsWith string timestamp type uint"},
	{30, "hasValue optional.none optional.of optional.ofNonZeroValue or orValue value"},
	{30, "charAt format indexOf join lastIndexOf lowerAscii replace split strings.quote substring trim upperAscii"},
	{30, "sets.contains sets.equivalent sets.intersects"},
	{30, "isSorted max min sum find findAll"},
	{30, "getEscapedPath getHost getHostname getPort getQuery getScheme isURL url"},
	{30, "add asApproximateFloat asInteger compareTo isGreaterThan isInteger isLessThan isQuantity quantity sign sub"},
	{31, "cidr containsCIDR containsIP family ip ip.isCanonical isCIDR isGlobalUnicast isIP isLinkLocalMulticast " +
		"isLinkLocalUnicast isLoopback isUnspecified masked prefixLength"},
	{32, "format.byte format.date format.datetime format.dns1035Label format.dns1035LabelPrefix format.dns1123Label " +
		"format.dns1123LabelPrefix format.dns1123Subdomain format.dns1123SubdomainPrefix format.labelValue format.named " +
		"format.qualifiedName format.uri format.uuid validate"},
	{34, "isSemver major minor patch semver"},
	{35, "distinct flatten lists.range slice sort"},
}

// twoVariables is the first Kubernetes 1.x with all(k, v, …) and its like.
const twoVariables = 33

var minors = sync.OnceValue(func() map[string]int {
	all := map[string]int{}
	for _, f := range functions {
		for name := range strings.FieldsSeq(f.names) {
			all[name] = f.minor
		}
	}
	return all
})

func (x *exporter) function(name string) {
	minor, ok := minors()[name]
	if !ok {
		x.refuse("it calls %s(), which an API server does not have", name)
	}
	x.minor = max(x.minor, minor)
}

// macro looks at a macro as it is written.
func (x *exporter) macro(call ast.CallExpr) {
	switch name := call.FunctionName(); name {
	case "has", "optMap", "optFlatMap", "filter", "map":
	case "all", "exists", "exists_one":
		if len(call.Args()) > 2 {
			x.minor = max(x.minor, twoVariables)
		}
	case "existsOne", "transformList", "transformMap", "transformMapEntry":
		x.minor = max(x.minor, twoVariables)
	case "sortBy":
		x.minor = max(x.minor, minors()["sort"])
	default:
		x.refuse("it uses %s(), which an API server does not have", name)
	}
}
