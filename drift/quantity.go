package drift

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strconv"
)

// quantityParents are maps whose values are quantities, wherever they are in
// the specification of an object, of built-in kinds and by convention of others.
var quantityParents = map[string]bool{
	"f:limits": true, "f:requests": true, "f:hard": true, "f:capacity": true, "f:podFixed": true, "f:overhead": true,
	"f:max": true, "f:min": true, "f:default": true, "f:defaultRequest": true, "f:maxLimitRequestRatio": true,
}

var quantityFields = map[string]bool{"f:sizeLimit": true, "f:averageValue": true, "f:divisor": true}

func isQuantity(path []element) bool {
	if len(path) < 2 || path[0].id != "f:spec" {
		return false
	}
	return quantityParents[path[len(path)-2].id] || quantityFields[path[len(path)-1].id]
}

var quantityText = regexp.MustCompile(`^([+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30}))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?$`)

var quantityUnits = map[string]*big.Rat{
	"n": ratio(1, 1e9), "u": ratio(1, 1e6), "m": ratio(1, 1e3),
	"k": ratio(1e3, 1), "M": ratio(1e6, 1), "G": ratio(1e9, 1), "T": ratio(1e12, 1), "P": ratio(1e15, 1), "E": ratio(1e18, 1),
	"Ki": ratio(1<<10, 1), "Mi": ratio(1<<20, 1), "Gi": ratio(1<<30, 1), "Ti": ratio(1<<40, 1), "Pi": ratio(1<<50, 1), "Ei": ratio(1<<60, 1),
}

func ratio(a, b int64) *big.Rat { return big.NewRat(a, b) }

// parseQuantity returns the amount of a Kubernetes quantity in one spelling.
func parseQuantity(v any) (string, bool) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	case float64:
		text = strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		text = v.String()
	default:
		return "", false
	}
	match := quantityText.FindStringSubmatch(text)
	if match == nil {
		return "", false
	}
	number := match[1]
	if match[3] != "" {
		number += "e" + match[3]
	}
	amount, ok := new(big.Rat).SetString(number)
	if !ok {
		return "", false
	}
	if unit := quantityUnits[match[2]]; unit != nil {
		amount.Mul(amount, unit)
	}
	return amount.RatString(), true
}
