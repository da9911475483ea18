package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

const (
	attempts   = 4
	firstPause = 150 * time.Millisecond
	longPause  = 10 * time.Second // the longest that a server may make us wait between attempts
)

// errUnreadable stands for an answer that cannot be decoded. The decoder's own
// error could quote it.
var errUnreadable = errors.New("the answer cannot be read")

// subject is what a request is about, for its errors.
type subject struct {
	op     string // "apply", "delete", "read"
	object resource.ID
	sent   map[string]any // what was sent, whose secrets must not come back in a message
}

// call runs a request with a time limit, and runs it again after a pause while
// the server cannot be reached or is busy. Requests must therefore be safe to
// repeat. The error is a *target.Error, or the one of ctx.
func (c *Cluster) call(ctx context.Context, s subject, do func(context.Context) error) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeout(ctx, c.options.Timeout)
		err := do(limited)
		cancel()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("cannot %s %s: %w", s.op, s.object, ctx.Err())
		}
		failure := classify(s, err)
		if failure.Kind != target.Retryable || attempt == attempts {
			return failure
		}
		wait := max(min(failure.After, longPause), pause/2+rand.N(pause))
		select {
		case <-ctx.Done():
			return failure
		case <-time.After(wait):
		}
		pause *= 2
	}
}

// classify turns an error of client-go into one that says what to do next, and
// that does not repeat values.
func classify(s subject, err error) *target.Error {
	e := &target.Error{Op: s.op, Object: s.object}
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		classifyTransport(e, err)
		return e
	}
	answer := status.Status()
	e.Kind = kindOf(answer, err)
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok {
		e.After = time.Duration(seconds) * time.Second
	}
	say := newSpeaker(s)
	switch e.Kind {
	case target.Invalid, target.Immutable:
		e.Problems, e.Message = say.problems(answer)
		if e.Kind == target.Immutable {
			e.Hint = `take the change back in Git, or let the object be recreated with the annotation ` + AnnotationReplace + `: "true"`
		}
	case target.Forbidden:
		e.Message, e.Hint = say.forbidden(answer)
	case target.NotFound:
		e.Message, e.Hint = say.notFound(answer)
	case target.Conflict:
		e.Message = "somebody else has changed it in the meantime"
		if answer.Reason == metav1.StatusReasonAlreadyExists {
			e.Message = "it exists already"
		}
	case target.Retryable:
		e.Message = say.busy(answer)
	}
	return e
}

// classifyTransport is for requests that got no answer at all.
func classifyTransport(e *target.Error, err error) {
	var (
		untrusted *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		path      *url.Error
		network   *net.OpError
	)
	e.Kind = target.Retryable
	switch {
	case errors.As(err, &untrusted), errors.As(err, &authority):
		e.Kind = target.Forbidden
		e.Message = "the certificate of the API server is not trusted"
		e.Hint = "correct certificate-authority-data in the kubeconfig"
	case errors.Is(err, errUnreadable):
		e.Message = errUnreadable.Error()
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = "the API server did not answer in time"
	case errors.As(err, &network):
		e.Message = "the API server cannot be reached: " + network.Error()
	case errors.As(err, &path):
		e.Message = "the connection to the API server broke off"
	default:
		e.Message = "the request failed without an answer"
	}
}

func kindOf(answer metav1.Status, err error) target.ErrorKind {
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return target.Retryable
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return target.Conflict
	case apierrors.IsNotFound(err), apierrors.IsGone(err):
		return target.NotFound
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		if immutable(answer) {
			return target.Immutable
		}
		return target.Forbidden
	case apierrors.IsTooManyRequests(err), apierrors.IsServerTimeout(err), apierrors.IsTimeout(err), apierrors.IsServiceUnavailable(err):
		return target.Retryable
	case apierrors.IsInvalid(err):
		if immutable(answer) {
			return target.Immutable
		}
		return target.Invalid
	case malformed(answer):
		return target.Invalid
	case answer.Code >= 500 || answer.Code == 0:
		return target.Retryable
	}
	return target.Invalid
}
