package vendure

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/Khan/genqlient/graphql"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

// Config says how to reach a shop.
type Config struct {
	// Key is an API key.
	Key string
	// Account is whom the ERP knows the shop's orders by.
	Account trade.AccountID
	// Location is the id of the stock location whose stock we set.
	Location string
	Policy   transport.Policy
}

// Client is one shop.
type Client struct {
	cfg Config
	t   *transport.Client
}

// New returns a client of the shop at base, such as https://shop.example.com. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	for field, v := range map[string]string{"secret": cfg.Key, "account": string(cfg.Account), "location": cfg.Location} {
		if v == "" {
			return nil, fault.New(fault.Invalid, "source %s: %s is empty; secret is an API key, account the ERP account that the shop sells for, location the id of the stock location that Crossdock fills", name, field)
		}
	}
	t, err := transport.New(name, base, transport.Config{Policy: cfg.Policy.Or(transport.Policy{Concurrent: 4}), Authorize: func(_ context.Context, r *http.Request) error {
		r.Header.Set("vendure-api-key", cfg.Key)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return &Client{cfg: cfg, t: t}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

var _ graphql.Client = wire{}

// wire sends what the generated code asks for.
type wire struct{ *Client }

// MakeRequest implements graphql.Client. A failing body behind a 200 is a failure.
func (w wire) MakeRequest(ctx context.Context, req *graphql.Request, resp *graphql.Response) error {
	body, err := json.Marshal(req)
	if err != nil {
		return fmt.Errorf("%s: %w", req.OpName, err)
	}
	read := strings.HasPrefix(strings.TrimSpace(req.Query), "query")
	_, err = w.t.Do(ctx, transport.Request{
		Operation: req.OpName, Method: http.MethodPost, Path: "/admin-api", Body: body, Read: read, Header: http.Header{"Content-Type": {"application/json"}},
		Decode: func(res *transport.Response) error { return decode(res, resp.Data) },
	})
	return err
}

func decode(res *transport.Response, data any) error {
	if res.Status >= 500 {
		return fault.New(fault.Unavailable, "Vendure answered %d", res.Status)
	}
	var reply struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	err := transport.JSON(res.Body, &reply)
	switch {
	case err != nil && (res.Status == http.StatusUnauthorized || res.Status == http.StatusForbidden):
		return fault.New(fault.Denied, "whatever is before Vendure answered %d", res.Status)
	case err != nil && res.Status != http.StatusOK:
		return fault.New(fault.Invalid, "whatever is before Vendure answered %d", res.Status)
	case err != nil:
		return err
	}
	if len(reply.Errors) > 0 {
		first := reply.Errors[0]
		return &fault.Error{Kind: kindOf(first.Extensions.Code, first.Message), Message: "Vendure: " + first.Message, NotSent: true}
	}
	if res.Status != http.StatusOK {
		return fault.New(fault.Invalid, "Vendure answered %d", res.Status)
	}
	return transport.JSON(reply.Data, data)
}

// kindOf is the kind of an error by its code. What the database refuses has none: a value that it cannot hold,
// or that is taken; whatever else goes wrong there is for a while.
func kindOf(code, message string) fault.Kind {
	has := func(texts ...string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(message, t) })
	}
	switch {
	case code == "FORBIDDEN", code == "UNAUTHORIZED":
		return fault.Denied
	case code == "ENTITY_NOT_FOUND":
		return fault.NotFound
	case code == "" && has("duplicate key value"):
		return fault.Conflict
	case code == "" && has("out of range", "invalid input syntax", "violates"):
		return fault.Invalid
	case code == "", code == "INTERNAL_SERVER_ERROR":
		return fault.Unavailable
	default:
		return fault.Invalid
	}
}

// refusal is a result that is an error.
type refusal interface {
	GetErrorCode() string
	GetMessage() string
}

// refused returns the error that a result is, or nil.
func (c *Client) refused(result any) error {
	r, ok := result.(refusal)
	if !ok {
		return nil
	}
	return fault.New(fault.Conflict, "Vendure: %s (%s)", r.GetMessage(), r.GetErrorCode()).From(c.t.Name())
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
