// Package event is what happened, when, to which thing. Events are facts of the past: they
// are appended to the journal in the transaction that makes them true and never change.
package event

import (
	"encoding/json"
	"time"
)

// Type names what happened, such as "order.accepted".
type Type string

// Stream is the thing an event happened to. Events of one stream are numbered without a gap.
type Stream struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

func (s Stream) String() string { return s.Kind + "/" + s.ID }

// Event is one entry of the journal.
type Event struct {
	ID      string
	Stream  Stream
	Type    Type
	Version int
	// OccurredAt is when it happened by the clock of whoever saw it, RecordedAt when the
	// journal took it.
	OccurredAt time.Time
	RecordedAt time.Time
	// Source is the system that reported it, "crossdock" for our own decisions.
	Source string
	// Actor is who caused it: a subject, or a process of ours.
	Actor string
	// AccountID and OrderID are who may see it and what it is about, empty when neither applies.
	AccountID   string
	OrderID     string
	Correlation string
	Causation   string
	Payload     json.RawMessage
	// Sequence counts within the stream; Position counts within the journal. Both are set by
	// the journal. Position is zero until the event is sequenced.
	Sequence int64
	Position int64
}

// New returns an event of the type, with details that marshal to JSON. It panics when they
// do not, which only a programming mistake can bring about.
func New(stream Stream, typ Type, at time.Time, details any) Event {
	raw, err := json.Marshal(details)
	if err != nil {
		panic("event " + string(typ) + ": " + err.Error())
	}
	return Event{Stream: stream, Type: typ, Version: 1, OccurredAt: at, Source: "crossdock", Payload: raw}
}
