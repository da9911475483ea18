package kube

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/target"
)

const longestMessage = 600 // bytes of a server's message that are shown

// speaker says in safe words what the API server answered. Of objects that are
// secret as a whole, only names of fields and our own words are used. Of all
// others the server's text is used, without the values it rejects and without
// anything that we sent in a field that holds credentials.
type speaker struct {
	subject
	secret  bool
	secrets []string // values that must not be shown, longest first
}

func newSpeaker(s subject) speaker {
	say := speaker{subject: s, secret: secretKind(s.object.Group, s.object.Kind)}
	if !say.secret {
		say.secrets = secretsIn(s.sent)
	}
	return say
}

// immutableText finds the many ways in which the API server says that a field
// cannot be changed after an object was created.
var immutableText = regexp.MustCompile(`(?i)immutable|(may|can) ?not be (changed|unset|updated|modified)|may not change|cannot change|can not be unset|updates to .*(are )?forbidden`)

func immutable(answer metav1.Status) bool {
	return slices.ContainsFunc(causes(answer), func(c metav1.StatusCause) bool { return immutableText.MatchString(c.Message) })
}

// malformedText finds the answers of server-side apply to manifests that do not
// fit their schema. Some of them carry the code of a server failure.
var malformedText = regexp.MustCompile(`failed to create typed patch object|failed to convert new object|field not declared in schema|strict decoding error|unknown field|duplicate entries for key|error(s)? (list all errors )?validating|cannot unmarshal|expected (string|map|list|numeric|boolean|numeric or string)`)

func malformed(answer metav1.Status) bool { return malformedText.MatchString(answer.Message) }

// causes returns the causes of a status, or its message as the only one.
func causes(answer metav1.Status) []metav1.StatusCause {
	if answer.Details != nil && len(answer.Details.Causes) > 0 {
		return answer.Details.Causes
	}
	return []metav1.StatusCause{{Message: answer.Message}}
}

// problems lists what is wrong, field by field; a message is for what has no field.
func (s speaker) problems(answer metav1.Status) ([]target.Problem, string) {
	var all []target.Problem
	if answer.Details != nil {
		for _, c := range answer.Details.Causes {
			if c.Field == "" || c.Field == "<nil>" {
				continue
			}
			all = append(all, target.Problem{Field: c.Field, Detail: s.detail(c)})
		}
	}
	if len(all) == 0 {
		all = schemaProblems(answer.Message)
	}
	if len(all) > 0 {
		slices.SortFunc(all, func(a, b target.Problem) int {
			return strings.Compare(a.Field+"\x00"+a.Detail, b.Field+"\x00"+b.Detail)
		})
		return slices.Compact(all), ""
	}
	return nil, s.text(answer.Message, "the API server refuses it as invalid")
}

// ownWords are for causes whose text must not be shown.
var ownWords = map[metav1.CauseType]string{
	metav1.CauseTypeFieldValueNotFound:     "refers to something that does not exist",
	metav1.CauseTypeFieldValueRequired:     "is required",
	metav1.CauseTypeFieldValueDuplicate:    "has a duplicate value",
	metav1.CauseTypeFieldValueInvalid:      "has an invalid value",
	metav1.CauseTypeFieldValueNotSupported: "has a value that is not supported",
	metav1.CauseTypeForbidden:              "is forbidden",
	metav1.CauseTypeTooLong:                "is too long",
	metav1.CauseTypeTooMany:                "has too many items",
	metav1.CauseTypeTypeInvalid:            "has a value of the wrong type",
}

func (s speaker) detail(c metav1.StatusCause) string {
	own := ownWords[c.Type]
	if own == "" {
		own = "is not accepted"
	}
	if immutableText.MatchString(c.Message) {
		own = "cannot be changed"
	}
	if s.secret {
		return own
	}
	detail, ok := withoutValue(c.Message)
	if !ok {
		return own
	}
	return s.text(detail, own)
}

// How messages of field validation begin: those with a value after it, and
// those without.
var (
	valued    = regexp.MustCompile(`^(Invalid value|Unsupported value|Duplicate value|Not found|Too many|Too few): `)
	valueless = regexp.MustCompile(`^(Required value|Forbidden|Too long|Too short|Internal error)(: |$)`)
)

// withoutValue takes the rejected value out of a message of field validation,
// which reads `Invalid value: "the value": what is wrong`, with the value as a
// quoted string, a word or a JSON document.
func withoutValue(message string) (string, bool) {
	begin := valued.FindString(message)
	if begin == "" {
		return message, valueless.MatchString(message) || !strings.Contains(message, " value: ")
	}
	kind, rest := strings.ToLower(strings.TrimSuffix(begin, ": ")), message[len(begin):]
	var after string
	switch {
	case strings.HasPrefix(rest, `"`):
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", false
		}
		after = rest[len(quoted):]
	case strings.HasPrefix(rest, "{"), strings.HasPrefix(rest, "["):
		d := json.NewDecoder(bytes.NewReader([]byte(rest)))
		var skipped json.RawMessage
		if d.Decode(&skipped) != nil {
			return "", false
		}
		after = rest[d.InputOffset():]
	default:
		if i := strings.Index(rest, ": "); i >= 0 {
			after = rest[i:]
		}
	}
	after = strings.TrimPrefix(after, ": ")
	if after == "" {
		return kind, true
	}
	return after, true
}

var (
	unknownField   = regexp.MustCompile(`unknown field "([^"]+)"`)
	undeclared     = regexp.MustCompile(`\.([\w.\-\[\]="/]+): field not declared in schema`)
	wrongType      = regexp.MustCompile(`\.([\w.\-\[\]="/]+): expected (string|map|list|numeric or string|numeric|boolean)`)
	duplicateEntry = regexp.MustCompile(`\.([\w.\-\[\]="/]+): duplicate entries for key \[([\w]+)=`)
)

// schemaProblems finds the fields in the messages of decoding and of
// server-side apply, whose text can quote values.
func schemaProblems(message string) []target.Problem {
	var all []target.Problem
	for _, m := range unknownField.FindAllStringSubmatch(message, -1) {
		all = append(all, target.Problem{Field: m[1], Detail: "is not a field of this kind"})
	}
	for _, m := range undeclared.FindAllStringSubmatch(message, -1) {
		all = append(all, target.Problem{Field: m[1], Detail: "is not a field of this kind"})
	}
	for _, m := range wrongType.FindAllStringSubmatch(message, -1) {
		all = append(all, target.Problem{Field: m[1], Detail: "must be a " + m[2]})
	}
	for _, m := range duplicateEntry.FindAllStringSubmatch(message, -1) {
		all = append(all, target.Problem{Field: m[1], Detail: "lists an entry twice, by its " + m[2]})
	}
	return all
}

var rbacText = regexp.MustCompile(`User "[^"]*" cannot \w+ resource "[^"]*"( in API group "[^"]*")?( in the namespace "[^"]*"| at the cluster scope)?`)

func (s speaker) forbidden(answer metav1.Status) (message, hint string) {
	if answer.Reason == metav1.StatusReasonUnauthorized {
		return "the credentials were not accepted", "renew the token or certificate of the kubeconfig"
	}
	if rbac := rbacText.FindString(answer.Message); rbac != "" {
		return rbac, "grant it with a Role or ClusterRole, or name the objects that this user may manage"
	}
	return s.text(answer.Message, "an admission rule of the cluster refuses it"), ""
}

func (s speaker) notFound(answer metav1.Status) (message, hint string) {
	if answer.Details != nil && answer.Details.Kind == "namespaces" && s.object.Kind != "Namespace" {
		return "namespace " + s.object.Namespace + " does not exist", "declare it, or let Holdfast create it"
	}
	return "it does not exist", ""
}

func (s speaker) busy(answer metav1.Status) string {
	switch answer.Reason {
	case metav1.StatusReasonTooManyRequests:
		return "the API server is busy"
	case metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout:
		return "the API server did not answer in time"
	case metav1.StatusReasonForbidden:
		return "namespace " + s.object.Namespace + " is being deleted"
	}
	return s.text(answer.Message, "the API server failed")
}

// text returns a message of the server with all secrets cut out, or own words.
func (s speaker) text(message, own string) string {
	if s.secret || message == "" {
		return own
	}
	for _, secret := range s.secrets {
		message = strings.ReplaceAll(message, secret, hidden)
	}
	message = strings.Join(strings.Fields(message), " ")
	if len(message) > longestMessage {
		message = strings.ToValidUTF8(message[:longestMessage], "") + " …"
	}
	return message
}
