package kube

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

const planted = "hunter2-planted"

func TestErrorsHideSecrets(t *testing.T) {
	secret := resource.ID{Version: "v1", Kind: "Secret", Namespace: "web", Name: "db"}
	deployment := resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "web", Name: "api"}
	sent := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"spec": map[string]any{"containers": []any{map[string]any{"name": "api", "env": []any{
			map[string]any{"name": "MODE", "value": planted},
		}}}},
	}
	invalid := func(id resource.ID, causes ...metav1.StatusCause) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{
			Status: metav1.StatusFailure, Code: 422, Reason: metav1.StatusReasonInvalid,
			Message: id.Kind + " is invalid: " + planted, Details: &metav1.StatusDetails{Causes: causes},
		}}
	}
	message := func(code int32, reason metav1.StatusReason, text string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Reason: reason, Message: text}}
	}
	tests := []struct {
		reason string
		about  subject
		err    error
		kind   target.ErrorKind
		want   string
	}{
		{"a quoted value is cut out", subject{op: "apply", object: deployment},
			invalid(deployment, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.x", Message: `Invalid value: "` + planted + `": must be no more than 63 characters`}),
			target.Invalid, "spec.x: must be no more than 63 characters"},
		{"a value that is JSON is cut out, with what looks like its end inside", subject{op: "apply", object: deployment},
			invalid(deployment, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.selector", Message: `Invalid value: {"a":"}: ` + planted + `"}: field is immutable`}),
			target.Immutable, "spec.selector: field is immutable; take the change back"},
		{"a value that cannot be told from the text hides the text", subject{op: "apply", object: deployment},
			invalid(deployment, metav1.StatusCause{Type: metav1.CauseTypeFieldValueInvalid, Field: "spec.x", Message: `Invalid value: {` + planted + `: bad`}),
			target.Invalid, "spec.x: has an invalid value"},
		{"of a Secret only fields are named", subject{op: "apply", object: secret},
			invalid(secret, metav1.StatusCause{Type: metav1.CauseTypeForbidden, Field: "data[key]", Message: "Forbidden: " + planted}),
			target.Invalid, "data[key]: is forbidden"},
		{"that a Secret is immutable is said in our words", subject{op: "apply", object: secret},
			invalid(secret, metav1.StatusCause{Type: metav1.CauseTypeForbidden, Field: "data", Message: "Forbidden: field is immutable when `immutable` is set, not " + planted}),
			target.Immutable, "data: cannot be changed"},
		{"what was sent in the environment does not come back", subject{op: "apply", object: deployment, sent: sent},
			message(403, metav1.StatusReasonForbidden, "admission webhook denied the request: value "+planted+" is weak"),
			target.Forbidden, "value " + hidden + " is weak"},
		{"a webhook that refuses a Secret is not quoted", subject{op: "apply", object: secret},
			message(403, metav1.StatusReasonForbidden, "denied: "+planted), target.Forbidden, "an admission rule of the cluster refuses it"},
		{"rights are named even for a Secret", subject{op: "apply", object: secret},
			message(403, metav1.StatusReasonForbidden, `secrets "db" is forbidden: User "bot" cannot patch resource "secrets" in API group "" in the namespace "web"`),
			target.Forbidden, `User "bot" cannot patch resource "secrets" in API group "" in the namespace "web"; grant it`},
		{"a decoder names the field", subject{op: "apply", object: secret},
			message(400, metav1.StatusReasonBadRequest, `strict decoding error: unknown field "spec.foo", value `+planted),
			target.Invalid, "spec.foo: is not a field of this kind"},
		{"a schema error has the code of a server failure, and is none", subject{op: "apply", object: deployment},
			message(500, metav1.StatusReasonInternalError, `failed to create typed patch object (web/api; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string "`+planted+`"`),
			target.Invalid, "spec.replicas: must be a numeric"},
		{"a failed webhook may work later", subject{op: "apply", object: deployment},
			message(500, metav1.StatusReasonInternalError, `failed calling webhook "x": connection refused`), target.Retryable, "failed calling webhook"},
		{"too many requests", subject{op: "apply", object: deployment},
			message(429, metav1.StatusReasonTooManyRequests, planted), target.Retryable, "busy"},
		{"a namespace that goes away", subject{op: "apply", object: deployment},
			&apierrors.StatusError{ErrStatus: metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden, Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}}}},
			target.Retryable, "namespace web is being deleted"},
		{"no connection", subject{op: "apply", object: deployment},
			&url.Error{Op: "Patch", URL: "https://x/" + planted, Err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}},
			target.Retryable, "cannot be reached: dial tcp: connection refused"},
		{"any other transport failure", subject{op: "apply", object: deployment}, errors.New(planted), target.Retryable, "without an answer"},
		{"somebody was faster", subject{op: "apply", object: deployment}, message(409, metav1.StatusReasonConflict, planted), target.Conflict, "in the meantime"},
	}
	for _, test := range tests {
		err := classify(test.about, test.err)
		if !errors.Is(err, test.kind) {
			t.Errorf("%s: kind %s, want %s", test.reason, err.Kind, test.kind)
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %q lacks %q", test.reason, err.Error(), test.want)
		}
		if strings.Contains(err.Error(), planted) {
			t.Errorf("%s: %q has the secret", test.reason, err.Error())
		}
	}
}

func fieldErrors(value, detail string) field.ErrorList {
	path := field.NewPath("spec", "x")
	return field.ErrorList{
		field.Invalid(path, value, detail),
		field.Invalid(path, map[string]any{"a": value}, detail),
		field.Invalid(path, []string{value}, detail),
		field.NotSupported(path, value, []string{"a"}),
		field.Duplicate(path, value),
		field.TypeInvalid(path, value, detail),
		field.NotFound(path, value),
	}
}

// FuzzWithoutValue looks for messages from which a value gets through.
func FuzzWithoutValue(f *testing.F) {
	f.Add("plain", "is wrong")
	f.Add(`with "quotes" and \ and : colon`, "must be: short")
	f.Add("{\"a\": 1}: x", "y")
	f.Fuzz(func(t *testing.T, value, detail string) {
		value += planted
		err := apierrors.NewInvalid(corev1.SchemeGroupVersion.WithKind("Pod").GroupKind(), "x", fieldErrors(value, detail))
		for _, cause := range err.ErrStatus.Details.Causes {
			if got, ok := withoutValue(cause.Message); ok && strings.Contains(got, planted) && !strings.Contains(detail, planted) {
				t.Errorf("%q leaks as %q", cause.Message, got)
			}
		}
	})
}
