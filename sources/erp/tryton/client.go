package tryton

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/lookup"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

// Config says how to reach a company.
type Config struct {
	// Database is the database's name, User and Password a user of the product.
	Database, User, Password string
	// Shop is the name of the web shop that our orders belong to; "Crossdock".
	Shop string
	// Timeout bounds one call.
	Timeout time.Duration
	// Batch bounds the keys of one search; 500.
	Batch int
}

// Client is one company of Tryton.
type Client struct {
	cfg Config
	t   *transport.Client

	// entering is held by whoever logs in or learns where we are.
	entering chan struct{}
	mu       sync.Mutex
	session  string
	user     int
	home     *home
	// shut is when a login may be tried again, and pause how long that will be after the next refusal.
	shut  time.Time
	pause time.Duration
}

// home is what all questions depend on and nobody changes: the company, its currency, and the shop and the
// warehouse of our orders.
type home struct {
	company, currency, shop, warehouse int
	code                               trade.Currency
}

// New returns a client of the server at base, such as https://erp.example.com. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	for field, v := range map[string]string{"database": cfg.Database, "user": cfg.User, "secret": cfg.Password} {
		if v == "" {
			return nil, fault.New(fault.Invalid, "source %s: %s is empty", name, field)
		}
	}
	if cfg.Shop == "" {
		cfg.Shop = "Crossdock"
	}
	if cfg.Batch == 0 {
		cfg.Batch = 500
	}
	t, err := transport.New(name, base, transport.Config{Concurrent: 4, Timeout: cfg.Timeout})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, t: t, entering: make(chan struct{}, 1), pause: firstPause}, nil
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
		return "", &fault.Error{Kind: fault.Denied, Message: "the login was refused; it is left alone for a while, so that it is not locked out", Source: c.t.Name(), RetryAfter: wait, NotSent: true}
	}
	var reply []json.RawMessage
	// Whoever is patient otherwise is not here: each attempt counts.
	err = c.ask(transport.Patient(ctx, 0), "", "login", "common.db.login", []any{c.cfg.User, map[string]string{"password": c.cfg.Password}}, false, &reply)
	var id int
	var key string
	if err == nil && (len(reply) != 2 || json.Unmarshal(reply[0], &id) != nil || json.Unmarshal(reply[1], &key) != nil) {
		err = fault.New(fault.BadResponse, "a login that cannot be read").From(c.t.Name())
	}
	if k := fault.KindOf(err); k == fault.Denied || k == fault.Throttled {
		c.shut, c.pause = time.Now().Add(c.pause), min(2*c.pause, lastPause)
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

// expired marks a reply to a session that the server does not know any more.
type expired struct{ error }

// ask makes one call and decodes its result.
func (c *Client) ask(ctx context.Context, session, operation, method string, params []any, read bool, out any) error {
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	r := transport.Request{Operation: operation, Method: http.MethodPost, Path: "/" + url.PathEscape(c.cfg.Database) + "/", Body: body, Read: read, Header: http.Header{}}
	if session != "" {
		r.Header.Set("Authorization", "Session "+session)
	}
	res, err := c.t.Do(ctx, r)
	if err != nil {
		return err
	}
	switch {
	case res.Status == http.StatusUnauthorized && session != "":
		return expired{fault.New(fault.Denied, "the session has ended").From(c.t.Name())}
	case res.Status == http.StatusUnauthorized:
		return &fault.Error{Kind: fault.Denied, Message: "Tryton refused the user's name or password", Source: c.t.Name(), NotSent: true}
	case res.Status == http.StatusForbidden, res.Status == http.StatusNotFound:
		return fault.New(fault.Unsupported, "Tryton does not offer %s", method).From(c.t.Name())
	case res.Status >= 500:
		return fault.New(fault.Unavailable, "Tryton answered %d", res.Status).From(c.t.Name())
	case res.Status != http.StatusOK:
		return fault.New(fault.Invalid, "Tryton answered %d", res.Status).From(c.t.Name())
	}
	var reply struct {
		Result json.RawMessage   `json:"result"`
		Error  []json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(res.Body, &reply); err != nil {
		return fault.Wrap(fault.BadResponse, err, "a reply that cannot be read").From(c.t.Name())
	}
	if len(reply.Error) > 0 {
		return c.refusal(method, reply.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(reply.Result, out); err != nil {
		return fault.Wrap(fault.BadResponse, err, "a reply to %s that cannot be read", method).From(c.t.Name())
	}
	return nil
}

// warning is a question that a person must answer before a call does what it should.
type warning struct {
	Name, Message string
}

func (w *warning) Error() string { return w.Message }

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
		return &warning{Name: arg(0), Message: arg(1)}
	case "UserError":
		k := fault.Invalid
		if strings.Contains(arg(0), "must be unique") {
			k = fault.Conflict
		}
		return fault.New(k, "Tryton: %s", arg(0)).From(c.t.Name())
	case "ConcurrencyException":
		return &fault.Error{Kind: fault.Unavailable, Message: "somebody has changed it meanwhile", Source: c.t.Name(), NotSent: true}
	default:
		// A Python exception: a field or a model that this server does not have, a lock that was lost.
		return &fault.Error{Kind: fault.BadResponse, Message: fmt.Sprintf("Tryton failed at %s: %.200s %.200s", method, kind, text), Source: c.t.Name(), NotSent: true}
	}
}

// context is the last parameter of a call: whose books, and in which language errors are told.
func (h *home) context(more map[string]any) map[string]any {
	out := map[string]any{"company": h.company, "language": "en"}
	maps.Copy(out, more)
	return out
}

// call makes a call within a session; one that the server has forgotten is replaced, once.
func (c *Client) call(ctx context.Context, operation, method string, params []any, read bool, out any) error {
	stale := ""
	for {
		session, err := c.enter(ctx, stale)
		if err != nil {
			return err
		}
		err = c.ask(ctx, session, operation, method, params, read, out)
		if e, gone := err.(expired); gone { //nolint:errorlint // ask returns it as it is
			if stale == "" {
				stale = session
				continue
			}
			return e.error
		}
		return err
	}
}

// where learns the company, its currency and our shop, once.
func (c *Client) where(ctx context.Context) (*home, error) {
	c.mu.Lock()
	h := c.home
	c.mu.Unlock()
	if h != nil {
		return h, nil
	}
	var preferences struct {
		Company int `json:"company"`
	}
	if err := c.call(ctx, "preferences", "model.res.user.get_preferences", []any{true, map[string]any{}}, true, &preferences); err != nil {
		return nil, err
	}
	h = &home{company: preferences.Company}
	var companies []struct {
		Currency *struct {
			ID   int            `json:"id"`
			Code trade.Currency `json:"code"`
		} `json:"currency."`
	}
	if err := c.call(ctx, "company", "model.company.company.search_read", []any{[]any{[]any{"id", "=", h.company}}, 0, 1, nil, []string{"currency.code"}, h.context(nil)}, true, &companies); err != nil {
		return nil, err
	}
	var shops []struct {
		ID         int   `json:"id"`
		Warehouses []int `json:"warehouses"`
	}
	if err := c.call(ctx, "shop", "model.web.shop.search_read", []any{[]any{[]any{"name", "=", c.cfg.Shop}}, 0, 1, nil, []string{"warehouses"}, h.context(nil)}, true, &shops); err != nil {
		return nil, err
	}
	switch {
	case len(companies) == 0 || companies[0].Currency == nil:
		return nil, fault.New(fault.Invalid, "the user %s belongs to no company", c.cfg.User).From(c.t.Name())
	case len(shops) == 0 || len(shops[0].Warehouses) == 0:
		return nil, fault.New(fault.Invalid, "there is no web shop %q with a warehouse: create it, or name another as shop", c.cfg.Shop).From(c.t.Name())
	}
	h.currency, h.code, h.shop, h.warehouse = companies[0].Currency.ID, companies[0].Currency.Code, shops[0].ID, shops[0].Warehouses[0]
	c.mu.Lock()
	defer c.mu.Unlock()
	c.home = h
	return h, nil
}

// page is how many records one search returns.
const page = 500

// search reads every record that the domain finds, in order of id.
func search[T any](ctx context.Context, c *Client, h *home, operation, model string, domain []any, fields []string, more map[string]any) ([]T, error) {
	var out []T
	for {
		var part []T
		params := []any{domain, len(out), page, []any{[]any{"id", "ASC"}}, fields, h.context(more)}
		if err := c.call(ctx, operation, "model."+model+".search_read", params, true, &part); err != nil {
			return nil, err
		}
		out = append(out, part...)
		if len(part) < page {
			return out, nil
		}
	}
}

// byKeys searches records whose field is one of the keys, in parts that the product takes. Records that are
// switched off are found too when hidden is asked for.
func byKeys[T any, K ~string](ctx context.Context, c *Client, h *home, operation, model, field string, keys []K, fields []string, more map[string]any, also ...any) ([]T, error) {
	var out []T
	for len(keys) > 0 {
		n := min(c.cfg.Batch, len(keys))
		domain := append([]any{[]any{field, "in", keys[:n]}}, also...)
		part, err := search[T](ctx, c, h, operation, model, domain, fields, more)
		if err != nil {
			return nil, err
		}
		out, keys = append(out, part...), keys[n:]
	}
	return out, nil
}

// even those that are switched off.
func inactiveToo() any { return []any{"active", "in", []bool{true, false}} }

func failAll[K comparable, V any](keys []K, err error) lookup.Answers[K, V] {
	out := lookup.Empty[K, V](0)
	for _, k := range keys {
		out.Failed[k] = err
	}
	return out
}

func (c *Client) live() lookup.Provenance {
	return lookup.Provenance{Source: c.t.Name(), AsOf: time.Now(), Freshness: lookup.Live}
}
