// Package fault names the kinds of failure a caller can act on.
//
// An adapter or a domain assigns a kind once, at the place that knows; everybody above asks
// KindOf or Retryable and never reads the text. An error without a kind is Internal: it is
// logged with an id, and clients see only the id.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what a caller can do about a failure.
type Kind string

// The kinds, from what the caller got wrong to what nobody outside can mend.
const (
	// NotFound: the thing does not exist, or the caller may not know that it does.
	NotFound Kind = "NOT_FOUND"
	// Invalid: the input breaks a rule; the same input fails again.
	Invalid Kind = "INVALID"
	// Conflict: the input was right for a state that has passed; read again and decide again.
	Conflict Kind = "CONFLICT"
	// Denied: the caller's rights do not cover this.
	Denied Kind = "FORBIDDEN"
	// Unavailable: the other side did not answer; nothing is known about what it did.
	Unavailable Kind = "SOURCE_UNAVAILABLE"
	// Timeout: the other side took too long; it may still act.
	Timeout Kind = "SOURCE_TIMEOUT"
	// Throttled: the other side asks to wait; it did nothing.
	Throttled Kind = "SOURCE_RATE_LIMITED"
	// BadResponse: the other side answered something we cannot read.
	BadResponse Kind = "SOURCE_BAD_RESPONSE"
	// Unsupported: the product behind this source cannot do it.
	Unsupported Kind = "UNSUPPORTED"
	// Shadowed: the source is in shadow, and what would have changed something there was not sent.
	Shadowed Kind = "SOURCE_IN_SHADOW"
	// Internal: our own defect.
	Internal Kind = "INTERNAL"
)

// ShadowedError is a call that was not made because its source is in shadow.
type ShadowedError struct {
	Source    string `json:"source"`
	Operation string `json:"operation"`
	// Method, Target and Body are what would have been sent; the target is a path with its query.
	Method string `json:"method"`
	Target string `json:"target"`
	Body   string `json:"body"`
}

func (e *ShadowedError) Error() string {
	return fmt.Sprintf("%s is in shadow: %s was not sent", e.Source, e.Operation)
}

// Unwrap makes it an Error of its kind.
func (e *ShadowedError) Unwrap() error {
	return &Error{Kind: Shadowed, Message: e.Error(), Source: e.Source, NotSent: true}
}

// Error is a failure with a kind. Message is safe to show to a client; the cause is not.
type Error struct {
	Kind    Kind
	Message string
	// Source names the configured source that failed, if one did.
	Source string
	// Path is the input path at fault, such as "lines.2.quantity", if the caller's input is.
	Path string
	// RetryAfter is how long the other side asked us to wait; zero when it did not say.
	RetryAfter time.Duration
	// NotSent is true when the request certainly never reached the other side.
	NotSent bool
	// Legal are what can be done in the state that the thing is in, where the action asked for cannot; nil when that is not said.
	Legal []string
	// Waits is true when a person is waited for, or our turn at a source: that takes as long as it takes, and does not count as a try.
	Waits bool
	cause error
}

// New returns an error of the kind with a message fit for clients.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap gives cause a kind and a message fit for clients. The cause stays for logs.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...), cause: cause}
}

// At returns a copy that names the input path at fault.
func (e *Error) At(path string) *Error {
	c := *e
	c.Path = path
	return &c
}

// Instead returns a copy of an error that says what can be done.
func Instead[A ~string](e *Error, legal []A) *Error {
	c := *e
	c.Legal = make([]string, len(legal))
	for i, a := range legal {
		c.Legal[i] = string(a)
	}
	if len(legal) == 0 {
		c.Message += "; nothing can be done to it any more"
	} else {
		c.Message += "; now it can: " + strings.Join(c.Legal, ", ")
	}
	return &c
}

// From returns a copy that names the source that failed.
func (e *Error) From(source string) *Error {
	c := *e
	c.Source = source
	return &c
}

func (e *Error) Error() string {
	s := e.Message
	if e.Source != "" {
		s = e.Source + ": " + s
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.cause }

// KindOf returns the kind of the outermost Error in err's chain, and Internal when there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Retryable reports whether the same request may succeed later without anybody changing it.
func Retryable(err error) bool {
	switch KindOf(err) {
	case Unavailable, Timeout, Throttled, BadResponse:
		return true
	default:
		return false
	}
}

// Permanent reports whether the other side has refused for good: the same request would be refused
// again. A defect of ours is not permanent: it may be gone with the next release.
func Permanent(err error) bool {
	switch KindOf(err) {
	case Invalid, Denied, Unsupported, NotFound, Conflict:
		return true
	default:
		return false
	}
}

// Unsure reports whether the other side may have acted although we have no answer.
func Unsure(err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return true
	}
	switch e.Kind {
	case Unavailable, Timeout, BadResponse:
		return !e.NotSent
	default:
		return false
	}
}
