package helm

import (
	"maps"
	"reflect"
	"slices"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// impureFuncs depend on time, chance, the host or the cluster.
var impureFuncs = []string{
	"ago", "bcrypt", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert",
	"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "getHostByName", "htpasswd",
	"lookup", "now", "randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric",
	"shuffle", "uuidv4",
}

// customFuncs returns the functions that differ from Helm's: impure ones note
// that they were called, and those that return the keys of a map in chance order
// return them sorted, which is one of the orders that Helm may give.
func customFuncs(called map[string]bool) template.FuncMap {
	known := sprig.TxtFuncMap()
	// No cluster and no name server: what Helm itself answers without them.
	known["lookup"] = func(_, _, _, _ string) (map[string]any, error) { return map[string]any{}, nil }
	known["getHostByName"] = func(string) string { return "" }
	funcs := template.FuncMap{"keys": sortedKeys, "values": sortedValues}
	for _, name := range impureFuncs {
		if fn, ok := known[name]; ok {
			funcs[name] = noting(fn, func() { called[name] = true })
		}
	}
	return funcs
}

// noting returns a function with fn's signature that calls note and fn.
func noting(fn any, note func()) any {
	v := reflect.ValueOf(fn)
	return reflect.MakeFunc(v.Type(), func(args []reflect.Value) []reflect.Value {
		note()
		if v.Type().IsVariadic() {
			return v.CallSlice(args)
		}
		return v.Call(args)
	}).Interface()
}

func sortedKeys(dicts ...map[string]any) []string {
	all := []string{}
	for _, d := range dicts {
		all = append(all, slices.Sorted(maps.Keys(d))...)
	}
	return all
}

func sortedValues(dict map[string]any) []any {
	all := []any{}
	for _, key := range slices.Sorted(maps.Keys(dict)) {
		all = append(all, dict[key])
	}
	return all
}
