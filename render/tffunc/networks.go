package tffunc

import (
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/gocty"
)

func networks() map[string]function.Function {
	return map[string]function.Function{
		"cidrhost":     simple(cty.String, cidrHost, cty.String, cty.Number),
		"cidrnetmask":  simple(cty.String, cidrNetmask, cty.String),
		"cidrsubnet":   simple(cty.String, cidrSubnet, cty.String, cty.Number, cty.Number),
		"cidrcontains": simple(cty.Bool, cidrContains, cty.String, cty.String),
		"cidrsubnets": function.New(&function.Spec{
			Params:   []function.Parameter{{Name: "prefix", Type: cty.String}},
			VarParam: &function.Parameter{Name: "newbits", Type: cty.Number},
			Type:     function.StaticReturnType(cty.List(cty.String)),
			Impl:     func(args []cty.Value, _ cty.Type) (cty.Value, error) { return cidrSubnets(args) },
		}),
	}
}

// network parses an address range. Zeros before a decimal part mean nothing.
func network(v cty.Value) (netip.Prefix, error) {
	text := v.AsString()
	host, bits, ok := strings.Cut(text, "/")
	if ok && !strings.Contains(host, ":") {
		host = trimZeros(host)
	}
	p, err := netip.ParsePrefix(host + "/" + bits)
	if !ok || err != nil {
		return p, function.NewArgErrorf(0, "not an address range such as 10.0.0.0/16: %q", text)
	}
	return p.Masked(), nil
}

func trimZeros(host string) string {
	parts := strings.Split(host, ".")
	for i, p := range parts {
		if t := strings.TrimLeft(p, "0"); t != "" {
			parts[i] = t
		} else if p != "" {
			parts[i] = "0"
		}
	}
	return strings.Join(parts, ".")
}

// whole returns a number that has no fraction.
func whole(args []cty.Value, i int) (*big.Int, error) {
	out := new(big.Int)
	if err := smallNumbers(args[i : i+1]); err != nil {
		return nil, function.NewArgError(i, err)
	}
	if err := gocty.FromCtyValue(args[i], out); err != nil {
		return nil, function.NewArgError(i, err)
	}
	return out, nil
}

// add returns the address that lies n after another one; false if there is none.
func add(a netip.Addr, n *big.Int) (netip.Addr, bool) {
	sum := new(big.Int).SetBytes(a.AsSlice())
	if sum.Add(sum, n).Sign() < 0 || sum.BitLen() > a.BitLen() {
		return a, false
	}
	return netip.AddrFromSlice(sum.FillBytes(make([]byte, a.BitLen()/8)))
}

// size returns how many addresses a prefix of some bits holds.
func sizeOf(a netip.Addr, bits int) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(a.BitLen()-bits))
}

func cidrHost(args []cty.Value) (cty.Value, error) {
	none := cty.UnknownVal(cty.String)
	p, err := network(args[0])
	if err != nil {
		return none, err
	}
	n, err := whole(args, 1)
	if err != nil {
		return none, err
	}
	size := sizeOf(p.Addr(), p.Bits())
	if n.CmpAbs(size) > 0 || n.Cmp(size) == 0 {
		return none, function.NewArgErrorf(1, "%s has no host number %s", p, n)
	}
	if n.Sign() < 0 {
		n.Add(n, size)
	}
	a, ok := add(p.Addr(), n)
	if !ok {
		return none, function.NewArgErrorf(1, "%s has no host number %s", p, n)
	}
	return cty.StringVal(a.String()), nil
}

func cidrNetmask(args []cty.Value) (cty.Value, error) {
	p, err := network(args[0])
	if err != nil {
		return cty.UnknownVal(cty.String), err
	}
	if !p.Addr().Is4() {
		return cty.UnknownVal(cty.String), function.NewArgErrorf(0, "ranges of IPv6 have no netmask")
	}
	mask := netip.PrefixFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), p.Bits()).Masked()
	return cty.StringVal(mask.Addr().String()), nil
}

func cidrSubnet(args []cty.Value) (cty.Value, error) {
	none := cty.UnknownVal(cty.String)
	p, err := network(args[0])
	if err != nil {
		return none, err
	}
	bits, err := whole(args, 1)
	if err != nil {
		return none, err
	}
	n, err := whole(args, 2)
	if err != nil {
		return none, err
	}
	if bits.Sign() < 0 || bits.Cmp(big.NewInt(int64(p.Addr().BitLen()-p.Bits()))) > 0 {
		return none, function.NewArgErrorf(1, "%s cannot be extended by %s bits", p, bits)
	}
	if n.Sign() < 0 || n.BitLen() > int(bits.Int64()) {
		return none, function.NewArgErrorf(2, "%s bits have no subnet %s", bits, n)
	}
	length := p.Bits() + int(bits.Int64())
	a, ok := add(p.Addr(), n.Mul(n, sizeOf(p.Addr(), length)))
	if !ok {
		return none, function.NewArgErrorf(2, "%s has no such subnet", p)
	}
	return cty.StringVal(a.String() + "/" + strconv.Itoa(length)), nil
}

func cidrSubnets(args []cty.Value) (cty.Value, error) {
	none := cty.UnknownVal(cty.List(cty.String))
	p, err := network(args[0])
	if err != nil {
		return none, err
	}
	if len(args) == 1 {
		return cty.ListValEmpty(cty.String), nil
	}
	used := new(big.Int) // addresses from the beginning
	total := sizeOf(p.Addr(), p.Bits())
	out := make([]cty.Value, 0, len(args)-1)
	for i := 1; i < len(args); i++ {
		bits, err := whole(args, i)
		if err != nil {
			return none, err
		}
		if bits.Cmp(big.NewInt(1)) < 0 || bits.Cmp(big.NewInt(32)) > 0 || p.Bits()+int(bits.Int64()) > p.Addr().BitLen() {
			return none, function.NewArgErrorf(i, "%s cannot be extended by %s bits", p, bits)
		}
		length := p.Bits() + int(bits.Int64())
		size := sizeOf(p.Addr(), length)
		if rest := new(big.Int).Mod(used, size); rest.Sign() != 0 { // it begins where its size divides
			used.Add(used, size).Sub(used, rest)
		}
		a, ok := add(p.Addr(), used)
		if used.Add(used, size); !ok || used.Cmp(total) > 0 {
			return none, function.NewArgErrorf(i, "%s has no room for a subnet of /%d behind the others", p, length)
		}
		out = append(out, cty.StringVal(a.String()+"/"+strconv.Itoa(length)))
	}
	return cty.ListVal(out), nil
}

func cidrContains(args []cty.Value) (cty.Value, error) {
	none := cty.UnknownVal(cty.Bool)
	p, err := network(args[0])
	if err != nil {
		return none, err
	}
	text := args[1].AsString()
	inner, err := netip.ParsePrefix(text)
	if err != nil {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return none, function.NewArgErrorf(1, "neither an address nor a range: %q", text)
		}
		inner = netip.PrefixFrom(a, a.BitLen())
	}
	if inner.Addr().Is4() != p.Addr().Is4() {
		return none, fmt.Errorf("%s and %s are not of one family of addresses", p, inner)
	}
	return cty.BoolVal(inner.Bits() >= p.Bits() && p.Contains(inner.Addr())), nil
}
