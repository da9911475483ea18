package cel

import (
	"errors"
	"math"
	"net/netip"
	"net/url"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/api/resource"
)

// kubernetesMarks are what the text of an expression has in it that uses the
// libraries below.
var kubernetesMarks = []string{
	"uantity(", "ip(", "ip.", "isIP(", "cidr(", "isCIDR(", "url(", "isURL(", "emver(",
	"isSorted(", "sum(", "min(", "max(", "ndexOf(",
}

// usesKubernetes reports whether an expression may need the libraries. It says so
// too often rather than too rarely.
func usesKubernetes(text string) bool {
	for _, mark := range kubernetesMarks {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// kubernetesLibraries are those that API servers have besides those of CEL, under
// the names that they have there. They are written anew on the packages that are
// part of the program already, for the originals take as long to initialise as a
// short scan; a test compares them.
func kubernetesLibraries() (all []cel.EnvOption) {
	for _, library := range [][]cel.EnvOption{quantities(), addresses(), networks(), urls(), versions(), lists()} {
		all = append(all, library...)
	}
	return all
}

var quantityKind = &kind[resource.Quantity]{
	celType: cel.ObjectType("kubernetes.Quantity"),
	parse:   resource.ParseQuantity,
	equal:   func(a, b resource.Quantity) bool { return a.Equal(b) },
}

func quantities() []cel.EnvOption {
	k := quantityKind
	plus := func(a, b resource.Quantity) ref.Val { a = a.DeepCopy(); a.Add(b); return k.of(a) }
	minus := func(a, b resource.Quantity) ref.Val { a = a.DeepCopy(); a.Sub(b); return k.of(a) }
	whole := func(n types.Int) resource.Quantity { return *resource.NewQuantity(int64(n), resource.DecimalExponent) }
	return append(k.fromText("quantity", "string_to_quantity", "isQuantity", "is_quantity_string"),
		cel.Function("sign", cel.Overload("quantity_sign", []*cel.Type{k.celType}, cel.IntType, cel.UnaryBinding(func(q ref.Val) ref.Val {
			o, ok := q.(opaque[resource.Quantity])
			if !ok {
				return types.MaybeNoSuchOverloadErr(q)
			}
			return types.Int(o.value.Sign())
		}))),
		k.ask("isInteger", "quantity_is_integer", cel.BoolType, func(q resource.Quantity) ref.Val {
			_, ok := q.AsInt64()
			return types.Bool(ok)
		}),
		k.ask("asInteger", "quantity_get_int", cel.IntType, func(q resource.Quantity) ref.Val {
			n, ok := q.AsInt64()
			if !ok {
				return types.WrapErr(errors.New("the quantity is not a whole number"))
			}
			return types.Int(n)
		}),
		k.ask("asApproximateFloat", "quantity_get_float", cel.DoubleType, func(q resource.Quantity) ref.Val {
			return types.Double(q.AsApproximateFloat64())
		}),
		k.compare("isGreaterThan", "quantity_is_greater_than", cel.BoolType, func(a, b resource.Quantity) ref.Val { return types.Bool(a.Cmp(b) > 0) }),
		k.compare("isLessThan", "quantity_is_less_than", cel.BoolType, func(a, b resource.Quantity) ref.Val { return types.Bool(a.Cmp(b) < 0) }),
		k.compare("compareTo", "quantity_compare_to", cel.IntType, func(a, b resource.Quantity) ref.Val { return types.Int(a.Cmp(b)) }),
		k.compare("add", "quantity_add", k.celType, plus),
		k.compare("sub", "quantity_sub", k.celType, minus),
		withArgument(k, "add", "quantity_add_int", cel.IntType, k.celType, func(q resource.Quantity, n types.Int) ref.Val { return plus(q, whole(n)) }),
		withArgument(k, "sub", "quantity_sub_int", cel.IntType, k.celType, func(q resource.Quantity, n types.Int) ref.Val { return minus(q, whole(n)) }),
	)
}

var addressKind = &kind[netip.Addr]{
	celType: cel.ObjectType("net.IP"),
	parse: func(text string) (netip.Addr, error) {
		ip, err := netip.ParseAddr(text)
		switch {
		case err != nil:
			return ip, errors.New("it is not an IP address")
		case ip.Zone() != "":
			return ip, errors.New("an IP address with a zone is not allowed")
		case ip.Is4In6():
			return ip, errors.New("an IPv4 address in the form of an IPv6 address is not allowed")
		}
		return ip, nil
	},
	equal: func(a, b netip.Addr) bool { return a == b },
	text:  netip.Addr.String,
}

func addresses() []cel.EnvOption {
	k := addressKind
	is := func(name, id string, what func(netip.Addr) bool) cel.EnvOption {
		return k.ask(name, id, cel.BoolType, func(ip netip.Addr) ref.Val { return types.Bool(what(ip)) })
	}
	return append(k.fromText("ip", "string_to_ip", "isIP", "is_ip"),
		k.toText("ip_to_string"),
		cel.Function("ip.isCanonical", cel.Overload("ip_is_canonical", []*cel.Type{cel.StringType}, cel.BoolType, cel.UnaryBinding(func(s ref.Val) ref.Val {
			text := string(s.(types.String))
			ip, err := k.parse(text)
			if err != nil {
				return types.WrapErr(err)
			}
			return types.Bool(ip.String() == text)
		}))),
		k.ask("family", "ip_family", cel.IntType, func(ip netip.Addr) ref.Val {
			if ip.Is4() {
				return types.Int(4)
			}
			return types.Int(6)
		}),
		is("isUnspecified", "ip_is_unspecified", netip.Addr.IsUnspecified),
		is("isLoopback", "ip_is_loopback", netip.Addr.IsLoopback),
		is("isLinkLocalMulticast", "ip_is_link_local_multicast", netip.Addr.IsLinkLocalMulticast),
		is("isLinkLocalUnicast", "ip_is_link_local_unicast", netip.Addr.IsLinkLocalUnicast),
		is("isGlobalUnicast", "ip_is_global_unicast", netip.Addr.IsGlobalUnicast),
	)
}

var networkKind = &kind[netip.Prefix]{
	celType: cel.ObjectType("net.CIDR"),
	parse: func(text string) (netip.Prefix, error) {
		network, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			return network, errors.New("it is not a network in CIDR notation")
		case network.Addr().Is4In6():
			return network, errors.New("an IPv4 network in the form of an IPv6 network is not allowed")
		}
		return network, nil
	},
	equal: func(a, b netip.Prefix) bool { return a == b },
	text:  netip.Prefix.String,
}

func networks() []cel.EnvOption {
	k := networkKind
	containsIP := func(network netip.Prefix, ip netip.Addr) ref.Val { return types.Bool(network.Contains(ip)) }
	containsNetwork := func(network, inner netip.Prefix) ref.Val {
		return types.Bool(network.Bits() <= inner.Bits() && network.Contains(inner.Addr()))
	}
	return append(k.fromText("cidr", "string_to_cidr", "isCIDR", "is_cidr"),
		k.toText("cidr_to_string"),
		withArgument(k, "containsIP", "cidr_contains_ip_ip", addressKind.celType, cel.BoolType, func(network netip.Prefix, ip opaque[netip.Addr]) ref.Val {
			return containsIP(network, ip.value)
		}),
		withArgument(k, "containsIP", "cidr_contains_ip_string", cel.StringType, cel.BoolType, func(network netip.Prefix, text types.String) ref.Val {
			ip, err := addressKind.parse(string(text))
			if err != nil {
				return types.WrapErr(err)
			}
			return containsIP(network, ip)
		}),
		k.compare("containsCIDR", "cidr_contains_cidr", cel.BoolType, containsNetwork),
		withArgument(k, "containsCIDR", "cidr_contains_cidr_string", cel.StringType, cel.BoolType, func(network netip.Prefix, text types.String) ref.Val {
			inner, err := k.parse(string(text))
			if err != nil {
				return types.WrapErr(err)
			}
			return containsNetwork(network, inner)
		}),
		k.ask("ip", "cidr_ip", addressKind.celType, func(network netip.Prefix) ref.Val { return addressKind.of(network.Addr()) }),
		k.ask("masked", "cidr_masked", k.celType, func(network netip.Prefix) ref.Val { return k.of(network.Masked()) }),
		k.ask("prefixLength", "cidr_prefix_length", cel.IntType, func(network netip.Prefix) ref.Val { return types.Int(network.Bits()) }),
	)
}

var urlKind = &kind[*url.URL]{
	celType: cel.ObjectType("kubernetes.URL"),
	parse:   url.ParseRequestURI,
	equal:   func(a, b *url.URL) bool { return a.String() == b.String() },
}

func urls() []cel.EnvOption {
	k := urlKind
	part := func(name, id string, of func(*url.URL) string) cel.EnvOption {
		return k.ask(name, id, cel.StringType, func(u *url.URL) ref.Val { return types.String(of(u)) })
	}
	return append(k.fromText("url", "string_to_url", "isURL", "is_url_string"),
		part("getScheme", "url_get_scheme", func(u *url.URL) string { return u.Scheme }),
		part("getHost", "url_get_host", func(u *url.URL) string { return u.Host }),
		part("getHostname", "url_get_hostname", (*url.URL).Hostname),
		part("getPort", "url_get_port", (*url.URL).Port),
		part("getEscapedPath", "url_get_escaped_path", (*url.URL).EscapedPath),
		k.ask("getQuery", "url_get_query", cel.MapType(cel.StringType, cel.ListType(cel.StringType)), func(u *url.URL) ref.Val {
			query := map[ref.Val]ref.Val{}
			for name, values := range u.Query() {
				query[types.String(name)] = types.NewStringList(types.DefaultTypeAdapter, values)
			}
			return types.NewRefValMap(types.DefaultTypeAdapter, query)
		}),
	)
}

var versionKind = &kind[*semver.Version]{
	celType: cel.ObjectType("kubernetes.Semver"),
	parse:   semver.StrictNewVersion,
	equal:   func(a, b *semver.Version) bool { return a.Equal(b) && a.Metadata() == b.Metadata() },
}

func versions() []cel.EnvOption {
	k := versionKind
	number := func(name, id string, of func(*semver.Version) uint64) cel.EnvOption {
		return k.ask(name, id, cel.IntType, func(v *semver.Version) ref.Val { return types.Int(int64(min(of(v), math.MaxInt64))) })
	}
	return append(k.fromText("semver", "string_to_semver", "isSemver", "is_semver_string"),
		number("major", "semver_major", (*semver.Version).Major),
		number("minor", "semver_minor", (*semver.Version).Minor),
		number("patch", "semver_patch", (*semver.Version).Patch),
		k.compare("isGreaterThan", "semver_is_greater_than", cel.BoolType, func(a, b *semver.Version) ref.Val { return types.Bool(a.Compare(b) > 0) }),
		k.compare("isLessThan", "semver_is_less_than", cel.BoolType, func(a, b *semver.Version) ref.Val { return types.Bool(a.Compare(b) < 0) }),
		k.compare("compareTo", "semver_compare_to", cel.IntType, func(a, b *semver.Version) ref.Val { return types.Int(a.Compare(b)) }),
	)
}
