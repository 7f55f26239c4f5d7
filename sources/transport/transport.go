// Package transport is how every adapter talks HTTP: credentials, time limits, retries of what
// is safe to repeat, a circuit breaker, a bound on concurrent calls, size limits, and one
// translation of failures of the network.
//
// An adapter sees a status and a body, or a fault.Error. It never sleeps and never retries.
package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/internal/telemetry"
)

// Config says how to reach one source. Zero fields get defaults.
type Config struct {
	Policy
	// MaxBody bounds a reply in bytes; 32 MiB.
	MaxBody int64
	// Authorize puts credentials on a request. It may call the source to get them.
	Authorize func(ctx context.Context, r *http.Request) error
	// Throttled reads from a reply whether the product refused the call because too many came, and
	// how long it asks to wait. Status 429 and the standard header when nil.
	Throttled func(*Response) (wait time.Duration, refused bool)
	// Budget reads from a reply what the product says of the points that it counts calls in. A product that
	// counts calls only has none.
	Budget func(*Response) (Budget, bool)
}

func (c Config) withDefaults() Config {
	c.Policy = c.Or(standard())
	if c.MaxBody == 0 {
		c.MaxBody = 32 << 20
	}
	if c.Throttled == nil {
		c.Throttled = TooMany
	}
	return c
}

// Client calls one source.
type Client struct {
	name    string
	base    *url.URL
	cfg     Config
	http    *http.Transport
	breaker circuitbreaker.CircuitBreaker[*Response]
	// all are the places of the source, own those of each lane.
	all bulkhead.Bulkhead[*Response]
	own map[lookup.Lane]bulkhead.Bulkhead[*Response]
	// repeats are what repeats a call, by how often it does at most.
	repeats map[int]failsafe.Executor[*Response]
	limit   *limiter
	record  record
	metrics metrics
	calls   atomic.Int64
	// scratch holds buffers for replies that do not say how long they are.
	scratch sync.Pool
}

// Request is one call. Path is below the base URL; an absolute URL is taken as it is only when
// it has the base's host.
type Request struct {
	// Operation names the call in traces and in extensions.sources.
	Operation string
	Method    string
	Path      string
	Query     url.Values
	Header    http.Header
	Body      []byte
	// Read marks a call that is safe to repeat, whatever its method.
	Read bool
	// Change says whether the call changes something at the source, where Read and the method do not tell: without it
	// all do but GET and reads.
	Change Change
	// Keys is how many keys the call asks for.
	Keys int
	// Decode reads the reply, and may run several times, each for a reply of its own. When it says that the
	// source did not answer (fault.Unavailable, Timeout or BadResponse), that is the source's failure as if no
	// reply had come: the breaker counts it, and a read is repeated. What it fails with is what Do does.
	Decode func(*Response) error
}

// Change is whether a call changes something at its source.
type Change int

// The answers.
const (
	Untold Change = iota
	Nothing
	Something
)

func (r Request) changes() bool {
	if r.Change != Untold {
		return r.Change == Something
	}
	return !r.Read && r.Method != http.MethodGet
}

// Response is what came back, whatever its status.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// New returns a client of the source at base. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fault.New(fault.Invalid, "source %s: %q is not an http or https URL", name, base)
	}
	cfg = cfg.withDefaults()
	// Its replies are taken as they come: nothing here follows where they point to, or keeps cookies.
	t := &http.Transport{
		MaxConnsPerHost: cfg.Concurrent * 2, MaxIdleConnsPerHost: cfg.Concurrent, IdleConnTimeout: time.Minute,
		DialContext: (&net.Dialer{Timeout: min(cfg.Timeout, 5*time.Second)}).DialContext, ForceAttemptHTTP2: true, ReadBufferSize: 8 << 10,
	}
	c := &Client{name: name, base: u, cfg: cfg, metrics: newMetrics(name), http: t}
	c.breaker = circuitbreaker.NewBuilder[*Response]().WithFailureThreshold(uint(cfg.BreakAfter)).WithDelay(cfg.BreakFor).Build()
	c.limit, c.all = &limiter{rate: cfg.Rate}, bulkhead.New[*Response](uint(cfg.Concurrent))
	c.own, c.repeats = map[lookup.Lane]bulkhead.Bulkhead[*Response]{}, map[int]failsafe.Executor[*Response]{}
	for _, lane := range lookup.Lanes() {
		c.own[lane] = bulkhead.New[*Response](uint(places(lane, cfg.Concurrent)))
	}
	for _, operation := range append(slices.Collect(maps.Keys(cfg.Operations)), "") {
		if n := cfg.of(operation).Retries; n > 0 {
			c.repeats[n] = failsafe.With[*Response](retrypolicy.NewBuilder[*Response]().HandleIf(worthwhile).
				WithMaxRetries(n).WithBackoff(50*time.Millisecond, 2*time.Second).WithJitterFactor(0.3).ReturnLastFailure().Build())
		}
	}
	return c, nil
}

// worthwhile reports whether a try is to be repeated.
func worthwhile(res *Response, err error) bool {
	return failed(res, err) && !errors.Is(err, context.DeadlineExceeded)
}

// Places is how many calls of the lane may be under way at once.
func (c *Client) Places(l lookup.Lane) int { return places(l, c.cfg.Concurrent) }

// failed reports whether a try is the source's failure. One that its caller left, that found no place here, or
// that the breaker kept back is not.
func failed(res *Response, err error) bool {
	if err == nil {
		return res.Status >= 500
	}
	return !errors.Is(err, circuitbreaker.ErrOpen) && !errors.Is(err, bulkhead.ErrFull) && !errors.Is(err, context.Canceled)
}

// Name is the source's configured name.
func (c *Client) Name() string { return c.name }

// Base is the URL that paths are below.
func (c *Client) Base() string { return c.base.String() }

// Calls is how many requests were sent, repeats included.
func (c *Client) Calls() int64 { return c.calls.Load() }

// Breaker is "closed", "open" or "half-open".
func (c *Client) Breaker() string { return c.breaker.State().String() }

// CloseIdle closes connections that nothing uses.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Do sends the request. It fails only when no whole reply came back; a status is not a failure
// here. A call that the product refused because too many came did nothing: it is made again after the
// wait that the product asks for when the context is patient enough, and else fails with
// fault.Throttled.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	target, err := c.target(r)
	if err != nil {
		return nil, err
	}
	if c.cfg.Shadow && r.changes() {
		return nil, &fault.ShadowedError{Source: c.name, Operation: r.Operation, Method: r.Method, Target: target.RequestURI(), Body: string(r.Body)}
	}
	ctx, span := telemetry.Step(ctx, c.name, r.Operation)
	defer span.End()
	mine := &turn{operation: r.Operation, lane: lookup.LaneOf(ctx), who: lookup.Returning(ctx)}
	res, err := c.inTurn(ctx, r, target, mine)
	if span != nil {
		span.Set("crossdock.lane", mine.lane.String())
		span.Count("crossdock.keys", r.Keys)
		said := outcome(res, err)
		span.Set("crossdock.outcome", said)
		if failed(res, err) {
			span.Failed(said)
		}
	}
	var back time.Duration
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Waits && mine.who != "" && ctx.Err() == nil {
		back = e.RetryAfter
	}
	c.limit.leave(time.Now(), mine, back)
	return res, err
}

// inTurn makes the call, again and again while it is told to wait and has the patience.
func (c *Client) inTurn(ctx context.Context, r Request, target *url.URL, mine *turn) (*Response, error) {
	began := time.Now()
	for range maxRefusals {
		res, err := c.within(ctx, r, target, mine, began)
		e, _ := errors.AsType[*fault.Error](err)
		if e == nil || e.Kind != fault.Throttled || !patient(ctx, e.RetryAfter) {
			return res, err
		}
		c.limit.join(mine)
		if !wait(ctx, e.RetryAfter) {
			return res, err
		}
	}
	return c.within(ctx, r, target, mine, began)
}

// within makes the call, which somebody has waited for since it began, when the source's budget has room for it.
func (c *Client) within(ctx context.Context, r Request, target *url.URL, mine *turn, began time.Time) (*Response, error) {
	points, wait := c.limit.take(time.Now(), mine)
	if wait > 0 {
		c.record.held(mine.lane)
		err := &fault.Error{Kind: fault.Throttled, Message: "the budget of calls is spent", Source: c.name, RetryAfter: wait, NotSent: true, Waits: true}
		observe(ctx, Call{Source: c.name, Operation: r.Operation, Keys: r.Keys, Start: time.Now(), Outcome: string(fault.Throttled)})
		return nil, err
	}
	res, err := c.try(ctx, r, target, mine.lane, began)
	var told *Budget
	if res != nil && c.cfg.Budget != nil {
		if b, ok := c.cfg.Budget(res); ok {
			told = &b
		}
	}
	c.limit.settle(time.Now(), r.Operation, points, told)
	return res, err
}

// maxRefusals bounds how often a patient call is made again.
const maxRefusals = 20

type patienceKey struct{}

// Patient returns a context whose calls wait out a product's refusals, each up to the time given:
// for work that nobody watches, and that would lose its place by failing.
func Patient(ctx context.Context, each time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, each)
}

// patient reports whether the context has the patience, and the time, to wait so long.
func patient(ctx context.Context, d time.Duration) bool {
	patience, _ := ctx.Value(patienceKey{}).(time.Duration)
	deadline, ok := ctx.Deadline()
	return patience > 0 && d <= patience && (!ok || time.Until(deadline) >= d)
}

// wait waits as long as a product asked, and reports whether the context lasted.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 50*time.Millisecond))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// try makes the call once, with the repeats that a failing network is worth.
func (c *Client) try(ctx context.Context, r Request, target *url.URL, lane lookup.Lane, began time.Time) (*Response, error) {
	p := c.cfg.of(r.Operation)
	start := time.Now()
	c.record.enter(lane)
	defer c.record.leave(lane)
	if c.breaker.IsOpen() && c.breaker.RemainingDelay() > 0 { // before waiting for a place among those who wait
		return nil, c.ended(ctx, r, start, nil, c.translate(ctx, circuitbreaker.ErrOpen))
	}
	res, unread, err := c.attempt(ctx, r, target, lane, p.Timeout, func() {
		c.metrics.waits[lane].Observe(time.Since(began).Seconds())
	})
	if p.Retries > 0 && (r.Read || r.Method == http.MethodGet) && worthwhile(res, err) {
		first, failure := res, err
		res, err = c.repeats[p.Retries].WithContext(ctx).GetWithExecution(func(e failsafe.Execution[*Response]) (res *Response, err error) {
			if e.Attempts() == 1 { // that one was it
				return first, failure
			}
			res, unread, err = c.attempt(ctx, r, target, lane, p.Timeout, func() { c.limit.repeat(time.Now()) })
			return res, err
		})
	}
	if err == nil {
		err = unread
		if wait, refused := c.cfg.Throttled(res); refused {
			err = &fault.Error{Kind: fault.Throttled, Message: "the source asks to wait", RetryAfter: wait, NotSent: true}
		}
	}
	if err != nil {
		err = c.translate(ctx, err)
	}
	return res, c.ended(ctx, r, start, res, err)
}

// attempt makes the call once when it has a place in its lane and one at the source, and reads the reply; unread is what Decode says.
// It tells the breaker, which may not let it through, what came of it: a try that its caller left says nothing of the source, except
// that the breaker must not close on it.
func (c *Client) attempt(ctx context.Context, r Request, target *url.URL, lane lookup.Lane, limit time.Duration, placed func()) (res *Response, unread, err error) {
	// A call waits for two places and then for its answer; whoever waits for it must not wait three times as long.
	if err := c.own[lane].AcquirePermitWithMaxWait(ctx, c.cfg.Timeout/4); err != nil {
		return nil, nil, err
	}
	defer c.own[lane].ReleasePermit()
	if err := c.all.AcquirePermitWithMaxWait(ctx, c.cfg.Timeout/4); err != nil {
		return nil, nil, err
	}
	defer c.all.ReleasePermit()
	placed()
	if !c.breaker.TryAcquirePermit() {
		return nil, nil, circuitbreaker.ErrOpen
	}
	res, err = c.once(ctx, r, target, limit)
	if err == nil && r.Decode != nil {
		if _, refused := c.cfg.Throttled(res); !refused {
			if unread = r.Decode(res); fault.Retryable(unread) {
				err = unread
			}
		}
	}
	switch left := err != nil && ctx.Err() != nil; {
	case left && c.breaker.IsClosed():
	case left, failed(res, err):
		c.breaker.RecordFailure()
	default:
		c.breaker.RecordSuccess()
	}
	return res, unread, err
}

// ended notes how a call ended.
func (c *Client) ended(ctx context.Context, r Request, start time.Time, res *Response, err error) error {
	call := Call{Source: c.name, Operation: r.Operation, Keys: r.Keys, Start: start, Duration: time.Since(start), Outcome: outcome(res, err)}
	c.record.add(call)
	c.metrics.calls.WithLabelValues(call.Operation, call.Outcome).Inc()
	c.metrics.took.Observe(call.Duration.Seconds())
	observe(ctx, call)
	return err
}

func (c *Client) target(r Request) (*url.URL, error) {
	u := *c.base
	ref, err := url.Parse(r.Path)
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "a path that cannot be read").From(c.name)
	case ref.IsAbs() && ref.Host != c.base.Host:
		return nil, fault.New(fault.BadResponse, "the source points to another host").From(c.name)
	case ref.IsAbs():
		u = *ref
	default:
		// What is escaped in the path, such as a slash inside a key, stays escaped.
		u.Path, u.RawPath, u.RawQuery = c.base.Path+ref.Path, c.base.EscapedPath()+ref.EscapedPath(), ref.RawQuery
		if u.Path != "" && u.Path[0] != '/' {
			u.Path, u.RawPath = "/"+u.Path, "/"+u.RawPath
		}
	}
	if r.Query != nil {
		u.RawQuery = r.Query.Encode()
	}
	return &u, nil
}

// errNotSent marks a failure before anything left this machine.
var errNotSent = errors.New("not sent")

func (c *Client) once(ctx context.Context, r Request, target *url.URL, limit time.Duration) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var sent io.Reader
	if len(r.Body) > 0 {
		sent = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, "", sent)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	req.URL, req.Host = target, target.Host
	maps.Copy(req.Header, r.Header)
	if len(r.Body) > 0 && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if c.cfg.Authorize != nil {
		if err := c.cfg.Authorize(ctx, req); err != nil {
			return nil, fmt.Errorf("%w: credentials: %w", errNotSent, err)
		}
	}
	if u := target.User; u != nil && req.Header.Get("Authorization") == "" {
		password, _ := u.Password()
		req.SetBasicAuth(u.Username(), password)
	}
	telemetry.Tell(ctx, req.Header)
	c.calls.Add(1)
	res, err := c.http.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := c.read(res)
	if err != nil {
		return nil, err
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body}, nil
}

// read reads a reply that is not too long, into what its header says that it needs.
func (c *Client) read(res *http.Response) ([]byte, error) {
	limit := c.cfg.MaxBody
	if res.ContentLength < 0 {
		buf, ok := c.scratch.Get().(*bytes.Buffer)
		if !ok {
			buf = new(bytes.Buffer)
		}
		defer func() {
			if buf.Cap() <= maxScratch {
				buf.Reset()
				c.scratch.Put(buf)
			}
		}()
		body, err := readInto(buf, res.Body, limit)
		return bytes.Clone(body), err
	}
	var buf bytes.Buffer
	if n := res.ContentLength; n <= limit {
		buf.Grow(int(n) + bytes.MinRead) // which ReadFrom wants to see the end
	}
	return readInto(&buf, res.Body, limit)
}

// maxScratch bounds the buffers that are used again.
const maxScratch = 1 << 20

func readInto(buf *bytes.Buffer, r io.Reader, limit int64) ([]byte, error) {
	if _, err := buf.ReadFrom(io.LimitReader(r, limit+1)); err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	if int64(buf.Len()) > limit {
		return nil, fault.New(fault.BadResponse, "a reply of more than %d bytes", limit)
	}
	return buf.Bytes(), nil
}

// translate gives a network failure its kind. Addresses stay out of messages: they can hold
// credentials.
func (c *Client) translate(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.From(c.name)
	}
	var dial *net.OpError
	refused := errors.As(err, &dial) && dial.Op == "dial"
	notSent := refused || errors.Is(err, errNotSent)
	var timeout net.Error
	switch {
	case ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, bulkhead.ErrFull):
		return &fault.Error{Kind: fault.Throttled, Message: "too many calls are under way", Source: c.name, RetryAfter: time.Second, NotSent: true}
	case errors.Is(err, circuitbreaker.ErrOpen):
		return &fault.Error{Kind: fault.Unavailable, Message: "the source failed repeatedly and is being left alone for a moment", Source: c.name, NotSent: true}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &fault.Error{Kind: fault.Timeout, Message: "the source did not answer in time", Source: c.name, NotSent: notSent}
	default:
		return &fault.Error{Kind: fault.Unavailable, Message: "the source cannot be reached", Source: c.name, NotSent: notSent}
	}
}

// TooMany is how HTTP says that too many calls came: status 429, with Retry-After or a second.
func TooMany(res *Response) (time.Duration, bool) {
	if res.Status != http.StatusTooManyRequests {
		return 0, false
	}
	v := res.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(v); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(0, time.Until(at)), true
	}
	return time.Second, true
}

// JSON reads a body into out. A body that is no such thing is fault.BadResponse; so is one of which out says that it
// is not whole, such as a list that has none, which would be read as a list without entries.
func JSON(body []byte, out any) error {
	if err := json.Unmarshal(body, out); err != nil {
		return fault.Wrap(fault.BadResponse, err, "a reply that cannot be read")
	}
	if p, ok := out.(interface{ Whole() bool }); ok && !p.Whole() {
		return fault.New(fault.BadResponse, "a reply that is no list")
	}
	return nil
}

// Call is one question put to a source.
type Call struct {
	Source    string
	Operation string
	Keys      int
	Start     time.Time
	Duration  time.Duration
	Outcome   string
}

func outcome(res *Response, err error) string {
	switch {
	case err != nil && fault.KindOf(err) != fault.Internal:
		return string(fault.KindOf(err))
	case err != nil:
		return "CANCELLED"
	case res.Status >= 400:
		return "HTTP_" + strconv.Itoa(res.Status)
	default:
		return "OK"
	}
}

// Recorder collects the calls that one operation makes.
type Recorder struct {
	mu    sync.Mutex
	calls []Call
}

// Calls returns what was recorded so far.
func (r *Recorder) Calls() []Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Call(nil), r.calls...)
}

type recorderKey struct{}

// Record returns a context whose source calls the recorder sees.
func Record(ctx context.Context, r *Recorder) context.Context {
	return context.WithValue(ctx, recorderKey{}, r)
}

func observe(ctx context.Context, call Call) {
	r, _ := ctx.Value(recorderKey{}).(*Recorder)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}
