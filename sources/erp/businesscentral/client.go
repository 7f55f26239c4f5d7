package businesscentral

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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
	// Company is the company's id.
	Company string
	// TokenURL, ClientID and ClientSecret are for OAuth client credentials; TokenURL may be below
	// the base URL.
	TokenURL, ClientID, ClientSecret string
	// Scope of the token; Microsoft's default when empty.
	Scope string
	// Extension is the path of the published extension; "/api/crossdock/gateway/v1.0".
	Extension string
	// Currency is the company's own, which list prices are in; USD.
	Currency trade.Currency
	// Policy bounds how it is called; five at a time, as many as the product works on for one user.
	Policy transport.Policy
	// Batch bounds the keys of one filter; 25 keeps URLs short.
	Batch int
}

// Client is one company of Business Central.
type Client struct {
	cfg Config
	t   *transport.Client

	mu      sync.Mutex
	token   string
	expires time.Time
}

// New returns a client of the company at base, such as
// https://host/v2.0/tenant/environment. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	if cfg.Company == "" {
		return nil, fault.New(fault.Invalid, "source %s: company is empty; give the id that GET companies lists", name)
	}
	if cfg.Extension == "" {
		cfg.Extension = "/api/crossdock/gateway/v1.0"
	}
	if cfg.Scope == "" {
		cfg.Scope = "https://api.businesscentral.dynamics.com/.default"
	}
	if cfg.Currency == "" {
		cfg.Currency = "USD"
	}
	if cfg.Batch == 0 {
		cfg.Batch = 25
	}
	c := &Client{cfg: cfg}
	t, err := transport.New(name, base, transport.Config{Policy: cfg.Policy.Or(transport.Policy{Concurrent: 5, Rate: transport.Rate{Calls: 6000, Per: 5 * time.Minute}}), Authorize: c.authorize})
	if err != nil {
		return nil, err
	}
	c.t = t
	return c, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

// authorize puts a bearer token on the request, fetching one when the last is about to end.
func (c *Client) authorize(ctx context.Context, r *http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == "" || time.Until(c.expires) < time.Minute {
		if err := c.fetchToken(ctx); err != nil {
			return err
		}
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	return nil
}

func (c *Client) fetchToken(ctx context.Context) error {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.cfg.ClientID}, "client_secret": {c.cfg.ClientSecret}, "scope": {c.cfg.Scope}}
	target := c.cfg.TokenURL
	if strings.HasPrefix(target, "/") {
		target = c.t.Base() + target
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "token URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Close = true // once an hour
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return &fault.Error{Kind: fault.Unavailable, Message: "the token service cannot be reached", NotSent: true}
	}
	defer func() { _ = res.Body.Close() }()
	var out struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		return &fault.Error{Kind: fault.Unavailable, Message: "the token service does not work", NotSent: true}
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, 1<<20)).Decode(&out); err != nil || res.StatusCode != http.StatusOK || out.AccessToken == "" {
		return &fault.Error{Kind: fault.Denied, Message: "the token service refused the client credentials", NotSent: true}
	}
	c.token, c.expires = out.AccessToken, time.Now().Add(time.Duration(out.ExpiresIn)*time.Second)
	return nil
}

// route is one API of the company: the standard one or the extension's.
type route string

func (c *Client) standard() route  { return "/api/v2.0" }
func (c *Client) extension() route { return route(c.cfg.Extension) }

// path is where the company keeps a set of entities.
func (c *Client) path(r route, set string) string { return string(r) + "/" + c.within(set) }

// within is a path below a route's root, as a $batch names it.
func (c *Client) within(set string) string { return "companies(" + c.cfg.Company + ")/" + set }

// page is one answer of a collection.
type page[T any] struct {
	Value []T    `json:"value"`
	Next  string `json:"@odata.nextLink"`
}

// Whole reports whether it is a page: one without entries has an empty list.
func (p *page[T]) Whole() bool { return p.Value != nil }

// collect reads a collection to its end.
func collect[T any](ctx context.Context, c *Client, operation, path string, q url.Values, keys int) ([]T, error) {
	var out []T
	req := transport.Request{Operation: operation, Method: http.MethodGet, Path: path, Query: q, Keys: keys, Read: true}
	for range maxPages {
		var p page[T]
		if err := c.call(ctx, req, http.StatusOK, &p); err != nil {
			return nil, err
		}
		out = append(out, p.Value...)
		if p.Next == "" {
			return out, nil
		}
		req.Path, req.Query = p.Next, nil
	}
	return nil, fault.New(fault.BadResponse, "a list of more than %d pages", maxPages).From(c.t.Name())
}

// maxPages bounds a list that does not end.
const maxPages = 1000

// call sends a request and decodes a reply of the wanted status into out, if it is not nil.
func (c *Client) call(ctx context.Context, r transport.Request, want int, out any) error {
	r.Decode = func(res *transport.Response) error { return c.decode(res, want, out) }
	_, err := c.t.Do(ctx, r)
	return err
}

func (c *Client) decode(res *transport.Response, want int, out any) error {
	if res.Status == http.StatusUnauthorized {
		c.mu.Lock()
		c.token = ""
		c.mu.Unlock()
		return &fault.Error{Kind: fault.Unavailable, Message: "the token was refused; the next call fetches another", NotSent: true}
	}
	// An error behind the wanted status would be read as a list without entries.
	if res.Status != want || bytes.HasPrefix(res.Body, []byte(`{"error":`)) {
		return c.refusal(res.Status, res.Body)
	}
	if out == nil {
		return nil
	}
	return transport.JSON(res.Body, out)
}

// refusal translates an error reply, once, for everybody above.
func (c *Client) refusal(status int, body []byte) error {
	var e struct {
		Error struct{ Code, Message string }
	}
	_ = json.Unmarshal(body, &e)
	message, _, _ := strings.Cut(e.Error.Message, "  CorrelationId:")
	if message == "" {
		message = "HTTP " + strconv.Itoa(status)
	}
	var kind fault.Kind
	switch {
	case e.Error.Code == "BadRequest_ResourceNotFound":
		kind = fault.Unsupported // the page is not there: the extension is not published
	case e.Error.Code == "Request_EntityChanged", e.Error.Code == "Internal_EntityWithSameKeyExists", status == http.StatusConflict:
		kind = fault.Conflict
	case status == http.StatusNotFound:
		kind = fault.NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind = fault.Denied
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		kind = fault.Timeout
	case status >= 500:
		kind = fault.Unavailable
	case status >= 400:
		kind = fault.Invalid
	default:
		kind = fault.BadResponse
	}
	return fault.New(kind, "Business Central: %s", message).From(c.t.Name())
}

// anyOf is a filter for a field that has one of the values.
func anyOf[K ~string](field string, values []K) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = field + " eq '" + quoted(string(v)) + "'"
	}
	return strings.Join(parts, " or ")
}

// quoted is a text inside the quotes of a filter.
func quoted(s string) string { return strings.ReplaceAll(s, "'", "''") }

// ask is one request of a $batch.
type ask struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

type told struct {
	ID     string          `json:"id"`
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// lookIn reads the entities of a set whose field has one of the keys, in one request: a plain
// GET when one filter holds all keys, else a $batch of GETs.
func lookIn[T any, K ~string](ctx context.Context, c *Client, operation string, r route, set, field string, keys []K, expand string) ([]T, error) {
	query := func(part []K) url.Values {
		q := url.Values{"$filter": {anyOf(field, part)}}
		if expand != "" {
			q.Set("$expand", expand)
		}
		return q
	}
	parts := chunks(keys, c.cfg.Batch)
	if len(parts) == 1 {
		return collect[T](ctx, c, operation, c.path(r, set), query(parts[0]), len(keys))
	}
	var asks []ask
	for i, part := range parts {
		asks = append(asks, ask{ID: strconv.Itoa(i), Method: http.MethodGet, URL: c.within(set) + "?" + query(part).Encode()})
	}
	var out []T
	for _, some := range chunks(asks, maxBatch) {
		answers, err := c.batch(ctx, operation, r, some, len(keys))
		if err != nil {
			return nil, err
		}
		for _, a := range some {
			list, err := answered[T](c, answers, a.ID)
			if err != nil {
				return nil, err
			}
			out = append(out, list...)
		}
	}
	return out, nil
}

// maxBatch is the number of operations that a $batch takes.
const maxBatch = 100

// batch puts several reads into one request and returns each answer by id.
func (c *Client) batch(ctx context.Context, operation string, r route, asks []ask, keys int) (map[string]told, error) {
	return c.send(ctx, transport.Request{Operation: operation, Read: true, Keys: keys, Header: http.Header{"Prefer": {"odata.continue-on-error"}}}, r, asks)
}

// together has changes made in their order in one request: all of them, or none when one is refused.
func (c *Client) together(ctx context.Context, operation string, r route, asks []ask) error {
	answers, err := c.send(ctx, transport.Request{Operation: operation, Keys: 1, Header: http.Header{"Isolation": {"snapshot"}}}, r, asks)
	if err != nil {
		return err
	}
	for _, a := range asks {
		switch answer, ok := answers[a.ID]; {
		case !ok:
			return fault.New(fault.BadResponse, "the batch has no answer %q", a.ID).From(c.t.Name())
		case answer.Status >= http.StatusMultipleChoices:
			return c.refusal(answer.Status, answer.Body)
		}
	}
	return nil
}

func (c *Client) send(ctx context.Context, req transport.Request, r route, asks []ask) (map[string]told, error) {
	body, err := json.Marshal(map[string]any{"requests": asks})
	if err != nil {
		return nil, fmt.Errorf("batch: %w", err)
	}
	var in struct {
		Responses []told `json:"responses"`
	}
	req.Method, req.Path, req.Body = http.MethodPost, string(r)+"/$batch", body
	if err := c.call(ctx, req, http.StatusOK, &in); err != nil {
		return nil, err
	}
	out := make(map[string]told, len(in.Responses))
	for _, a := range in.Responses {
		out[a.ID] = a
	}
	return out, nil
}

// answered decodes one answer of a batch. A part that goes on over a next link would be cut:
// the keys of one filter never fill a page.
func answered[T any](c *Client, answers map[string]told, id string) ([]T, error) {
	a, ok := answers[id]
	if !ok {
		return nil, fault.New(fault.BadResponse, "the batch has no answer %q", id).From(c.t.Name())
	}
	if a.Status != http.StatusOK {
		return nil, c.refusal(a.Status, a.Body)
	}
	var p page[T]
	if err := transport.JSON(a.Body, &p); err != nil {
		return nil, err
	}
	return p.Value, nil
}

// chunks splits keys to the size that one filter takes.
func chunks[K any](keys []K, size int) [][]K {
	var out [][]K
	for len(keys) > size {
		out = append(out, keys[:size])
		keys = keys[size:]
	}
	if len(keys) > 0 {
		out = append(out, keys)
	}
	return out
}

func (c *Client) live(at time.Time) lookup.Provenance {
	return lookup.Provenance{Source: c.t.Name(), AsOf: at, Freshness: lookup.Live}
}

// failAll answers every key with the error: nobody was answered.
