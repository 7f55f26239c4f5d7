package fault

import (
	"fmt"
	"strings"
)

// KeyReason is why an idempotency key was not taken.
type KeyReason string

// The three ways in which a key can be in use already.
const (
	// KeyMismatch: the key was used for another input. Use a new key for a new request.
	KeyMismatch KeyReason = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
	// KeyRunning: the first request is still running. Ask again in a moment, with the same key.
	KeyRunning KeyReason = "IDEMPOTENCY_CONCURRENT_REQUEST"
	// KeyFailed: the first request ended without an answer and did nothing. Use a new key.
	KeyFailed KeyReason = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
)

// KeyError says that an idempotency key cannot be used for this request.
type KeyError struct{ Reason KeyReason }

func (e *KeyError) Error() string {
	switch e.Reason {
	case KeyMismatch:
		return "this idempotency key was used with another input: send a new key for a new request"
	case KeyRunning:
		return "a request with this idempotency key is still running: repeat it in a moment with the same key"
	default:
		return "an earlier request with this idempotency key ended without an answer and did nothing: send a new key"
	}
}

// VersionError says that a thing is another version by now than the caller saw.
type VersionError struct {
	// Current is its version now, and Changed what is otherwise since; empty when that is too long ago to know.
	Current int
	Changed []string
}

func (e *VersionError) Error() string {
	if len(e.Changed) == 0 {
		return fmt.Sprintf("it is version %d by now: read it again and decide again", e.Current)
	}
	return fmt.Sprintf("it is version %d by now, with another %s: read it again and decide again", e.Current, strings.Join(e.Changed, ", "))
}

// Unwrap makes it an Error of its kind.
func (e *VersionError) Unwrap() error {
	return &Error{Kind: Conflict, Message: e.Error(), Path: "expectedVersion"}
}
