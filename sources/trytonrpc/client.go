package trytonrpc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

// Config says how to reach a database.
type Config struct {
	// Database is the database's name, User and Password a user of the product.
	Database, User, Password string
	// Policy bounds how it is called; four at a time.
	Policy transport.Policy
	// Batch bounds the keys of one search; 500.
	Batch int
}

// Client is one user of one database, for one company. It is safe for concurrent use.
type Client struct {
	cfg Config
	t   *transport.Client

	// entering is held by whoever logs in.
	entering chan struct{}
	mu       sync.Mutex
	session  string
	user     int
	company  Learned[Company]
	// shut is when a login may be tried again, refused why not before, and pause how long that will be after
	// the next refusal.
	shut    time.Time
	refused fault.Kind
	pause   time.Duration
}

// Company is whose records a user works on, and the currency of its books.
type Company struct {
	ID, Currency int
	Code         trade.Currency
}

// New returns a client of the server at base, such as https://erp.example.com. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	for field, v := range map[string]string{"database": cfg.Database, "user": cfg.User, "secret": cfg.Password} {
		if v == "" {
			return nil, fault.New(fault.Invalid, "source %s: %s is empty", name, field)
		}
	}
	if cfg.Batch == 0 {
		cfg.Batch = 500
	}
	t, err := transport.New(name, base, transport.Config{Policy: cfg.Policy.Or(transport.Policy{Concurrent: 4})})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, t: t, entering: make(chan struct{}, 1), pause: firstPause}, nil
}

// Name is what the source is called.
func (c *Client) Name() string { return c.t.Name() }

// User is the id of the user that calls are made by; zero before the first.
func (c *Client) User() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.user
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

// After a refused login the next is tried after a pause that doubles, so that we never spend the attempts
// that people have.
const (
	firstPause = 30 * time.Second
	lastPause  = 30 * time.Minute
)

// enter returns a session, logging in when there is none. stale is one that the server has refused.
func (c *Client) enter(ctx context.Context, stale string) (session string, err error) {
	current := func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.session == stale {
			c.session = ""
		}
		return c.session
	}
	if s := current(); s != "" {
		return s, nil
	}
	select {
	case c.entering <- struct{}{}:
		defer func() { <-c.entering }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	if s := current(); s != "" {
		return s, nil // somebody else has just logged in
	}
	if wait := time.Until(c.shut); wait > 0 {
		return "", &fault.Error{Kind: c.refused, Message: "the login was refused; it is left alone for a while, so that it is not locked out", Source: c.t.Name(), RetryAfter: wait, NotSent: true}
	}
	var reply []json.RawMessage
	// Whoever is patient otherwise is not here: each attempt counts.
	err = c.ask(transport.Patient(ctx, 0), "", "login", "common.db.login", []any{c.cfg.User, map[string]string{"password": c.cfg.Password}}, 0, false, &reply)
	var id int
	var key string
	if err == nil && (len(reply) != 2 || json.Unmarshal(reply[0], &id) != nil || json.Unmarshal(reply[1], &key) != nil) {
		err = fault.New(fault.BadResponse, "a login that cannot be read").From(c.t.Name())
	}
	if k := fault.KindOf(err); k == fault.Denied || k == fault.Throttled {
		c.shut, c.refused, c.pause = time.Now().Add(c.pause), k, min(2*c.pause, lastPause)
	}
	if err != nil {
		return "", err
	}
	c.pause = firstPause
	c.mu.Lock()
	defer c.mu.Unlock()
	c.user = id
	c.session = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%s:%d:%s", c.cfg.User, id, key))
	return c.session, nil
}

// ask makes one call and decodes its result.
func (c *Client) ask(ctx context.Context, session, operation, method string, params []any, keys int, read bool, out any) error {
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	r := transport.Request{Operation: operation, Method: http.MethodPost, Path: "/" + url.PathEscape(c.cfg.Database) + "/", Body: body, Read: read, Keys: keys, Header: http.Header{}}
	if session != "" {
		r.Header.Set("Authorization", "Session "+session)
	} else {
		r.Change = transport.Nothing // who logs in changes nothing
	}
	var failure []json.RawMessage
	r.Decode = func(res *transport.Response) error {
		var err error
		failure, err = decode(res, method, session, out)
		return err
	}
	if _, err := c.t.Do(ctx, r); err != nil {
		return err
	}
	if len(failure) > 0 { // what it is about are records, and not the server
		return c.refusal(method, failure)
	}
	return nil
}

// errExpired is why a session is refused that the server does not know any more.
var errExpired = errors.New("unknown session")

// decode reads a reply's result into out, if it is not nil, or returns the parts of its error.
func decode(res *transport.Response, method, session string, out any) (failure []json.RawMessage, err error) {
	switch {
	case res.Status == http.StatusUnauthorized && session != "":
		return nil, fault.Wrap(fault.Denied, errExpired, "the session has ended")
	case res.Status == http.StatusUnauthorized:
		return nil, &fault.Error{Kind: fault.Denied, Message: "Tryton refused the user's name or password", NotSent: true}
	case res.Status == http.StatusForbidden, res.Status == http.StatusNotFound:
		return nil, fault.New(fault.Unsupported, "Tryton does not offer %s", method)
	case res.Status >= 500:
		return nil, fault.New(fault.Unavailable, "Tryton answered %d", res.Status)
	case res.Status != http.StatusOK:
		return nil, fault.New(fault.Invalid, "Tryton answered %d", res.Status)
	}
	var reply struct {
		Result json.RawMessage   `json:"result"`
		Error  []json.RawMessage `json:"error"`
	}
	if err := transport.JSON(res.Body, &reply); err != nil {
		return nil, err
	}
	if len(reply.Error) > 0 || out == nil {
		return reply.Error, nil
	}
	if err := json.Unmarshal(reply.Result, out); err != nil {
		return nil, fault.Wrap(fault.BadResponse, err, "a reply to %s that cannot be read", method)
	}
	return nil, nil
}

// WarningError is a question that a person must answer before a call does what it should.
type WarningError struct {
	Name, Message string
}

// Error implements error.
func (w *WarningError) Error() string { return w.Message }

// refusal translates the error of a reply. Whatever it is, the call did nothing: it was rolled back.
func (c *Client) refusal(method string, parts []json.RawMessage) error {
	var kind, text string
	var args []json.RawMessage
	_ = json.Unmarshal(parts[0], &kind)
	if len(parts) > 1 {
		_ = json.Unmarshal(parts[1], &text)
		_ = json.Unmarshal(parts[1], &args)
	}
	arg := func(n int) (s string) {
		if n < len(args) {
			_ = json.Unmarshal(args[n], &s)
		}
		return s
	}
	switch kind {
	case "UserWarning":
		return &WarningError{Name: arg(0), Message: arg(1)}
	case "UserError":
		k := fault.Invalid
		if strings.Contains(arg(0), "must be unique") {
			k = fault.Conflict
		}
		return fault.New(k, "Tryton: %s", arg(0)).From(c.t.Name())
	case "ConcurrencyException":
		return &fault.Error{Kind: fault.Unavailable, Message: "somebody has changed it meanwhile", Source: c.t.Name(), NotSent: true}
	default:
		if strings.Contains(kind, "could not obtain lock") || strings.Contains(kind, "could not serialize access") {
			return &fault.Error{Kind: fault.Unavailable, Message: "somebody else is at the same records; they are locked", Source: c.t.Name(), NotSent: true}
		}
		// A Python exception: a field or a model that this server does not have, a lock that was lost.
		return &fault.Error{Kind: fault.BadResponse, Message: fmt.Sprintf("Tryton failed at %s: %.200s %.200s", method, kind, text), Source: c.t.Name(), NotSent: true}
	}
}

// Context is the last parameter of a call: whose books, and in which language errors are told.
func (co *Company) Context(more map[string]any) map[string]any {
	out := map[string]any{"company": co.ID, "language": "en"}
	maps.Copy(out, more)
	return out
}

// Call makes a call within a session; one that the server has forgotten is replaced, once.
func (c *Client) Call(ctx context.Context, operation, method string, params []any, read bool, out any) error {
	return c.within(ctx, operation, method, params, 0, read, out)
}

func (c *Client) within(ctx context.Context, operation, method string, params []any, keys int, read bool, out any) error {
	stale := ""
	for {
		session, err := c.enter(ctx, stale)
		if err != nil {
			return err
		}
		err = c.ask(ctx, session, operation, method, params, keys, read, out)
		if errors.Is(err, errExpired) && stale == "" {
			stale = session
			continue
		}
		return err
	}
}

// Company learns the user's company and its currency, once.
func (c *Client) Company(ctx context.Context) (*Company, error) {
	return c.company.Get(func() (*Company, error) { return c.learn(ctx) })
}

func (c *Client) learn(ctx context.Context) (*Company, error) {
	var preferences struct {
		Company int `json:"company"`
	}
	if err := c.Call(ctx, "preferences", "model.res.user.get_preferences", []any{true, map[string]any{}}, true, &preferences); err != nil {
		return nil, err
	}
	co := &Company{ID: preferences.Company}
	var companies []struct {
		Currency *Coded `json:"currency."`
	}
	if err := c.Call(ctx, "company", "model.company.company.search_read", []any{[]any{[]any{"id", "=", co.ID}}, 0, 1, nil, []string{"currency.code"}, co.Context(nil)}, true, &companies); err != nil {
		return nil, err
	}
	if len(companies) == 0 || companies[0].Currency == nil {
		return nil, fault.New(fault.Invalid, "the user %s belongs to no company", c.cfg.User).From(c.t.Name())
	}
	co.Currency, co.Code = companies[0].Currency.ID, trade.Currency(companies[0].Currency.Code)
	return co, nil
}

// Page is how many records one search returns.
const Page = 500

// Search reads every record that the domain finds, in order of id.
func Search[T any](ctx context.Context, c *Client, co *Company, operation, model string, domain []any, fields []string, more map[string]any) ([]T, error) {
	return search[T](ctx, c, co, operation, model, domain, fields, more, 0)
}

func search[T any](ctx context.Context, c *Client, co *Company, operation, model string, domain []any, fields []string, more map[string]any, keys int) ([]T, error) {
	var out []T
	for {
		var part []T
		params := []any{domain, len(out), Page, []any{[]any{"id", "ASC"}}, fields, co.Context(more)}
		if err := c.within(ctx, operation, "model."+model+".search_read", params, keys, true, &part); err != nil {
			return nil, err
		}
		out = append(out, part...)
		if len(part) < Page {
			return out, nil
		}
	}
}

// ByKeys searches records whose field is one of the keys, in parts that the product takes. What else the
// domain asks for, such as InactiveToo, holds for all of them.
func ByKeys[T any, K ~string](ctx context.Context, c *Client, co *Company, operation, model, field string, keys []K, fields []string, more map[string]any, also ...any) ([]T, error) {
	var out []T
	for len(keys) > 0 {
		n := min(c.cfg.Batch, len(keys))
		domain := append([]any{[]any{field, "in", keys[:n]}}, also...)
		part, err := search[T](ctx, c, co, operation, model, domain, fields, more, n)
		if err != nil {
			return nil, err
		}
		out, keys = append(out, part...), keys[n:]
	}
	return out, nil
}

// InactiveToo is the part of a domain that finds records that are switched off as well.
func InactiveToo() any { return []any{"active", "in", []bool{true, false}} }

// Create makes one record and returns its id.
func (c *Client) Create(ctx context.Context, co *Company, operation, model string, body map[string]any) (int, error) {
	var ids []int
	if err := c.Call(ctx, operation, "model."+model+".create", []any{[]any{body}, co.Context(nil)}, false, &ids); err != nil {
		return 0, err
	}
	if len(ids) != 1 {
		return 0, fault.New(fault.BadResponse, "a record of %s without an id", model).From(c.t.Name())
	}
	return ids[0], nil
}

// maxWarnings bounds the questions that one transition asks.
const maxWarnings = 50

// Move calls a transition. Questions that it asks are answered when accept says so; the first other one is
// returned as a *WarningError. A transition that does not apply is ignored by the product.
func (c *Client) Move(ctx context.Context, co *Company, model, transition string, ids []int, accept func(name string) bool) error {
	for range maxWarnings {
		err := c.Call(ctx, transition, "model."+model+"."+transition, []any{ids, co.Context(nil)}, false, nil)
		w, ok := errors.AsType[*WarningError](err)
		if !ok || !accept(w.Name) {
			return err
		}
		if _, err := c.Create(ctx, co, "confirm a warning", "res.user.warning", map[string]any{"user": c.User(), "name": w.Name, "always": false}); err != nil {
			return err
		}
	}
	return fault.New(fault.BadResponse, "%s asks more than %d questions", transition, maxWarnings).From(c.t.Name())
}

// None accepts no question.
func None(string) bool { return false }

// Unanswered turns a question that nobody has answered into an error for whoever cannot wait for the answer.
func (c *Client) Unanswered(err error) error {
	if w, ok := errors.AsType[*WarningError](err); ok {
		return fault.New(fault.Conflict, "Tryton asks for a person: %s", w.Message).From(c.t.Name())
	}
	return err
}
