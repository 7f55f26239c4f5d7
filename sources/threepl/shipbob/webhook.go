package shipbob

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"crossdock/domains/fault"
	"crossdock/domains/shipments"
	"crossdock/sources/transport"
)

// skew is how far a delivery's time stamp may be from our clock.
const skew = 5 * time.Minute

// Verify checks a delivery by Standard Webhooks and returns its id and topic.
func Verify(secret string, h http.Header, body []byte, now time.Time) (delivery, topic string, err error) {
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" {
		return "", "", fault.New(fault.Denied, "webhook-id and webhook-timestamp are required")
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > skew || d < -skew {
		return "", "", fault.New(fault.Denied, "the delivery is from %s ago", d)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "", "", fault.New(fault.Invalid, "the webhook secret is not whsec_ and base64")
	}
	signed := fmt.Appendf(nil, "%s.%s.%s", id, stamp, body)
	for signature := range strings.FieldsSeq(h.Get("webhook-signature")) {
		got, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		if err == nil && transport.Signed(string(key), signed, got) {
			return id, h.Get("x-webhook-topic"), nil
		}
	}
	return "", "", fault.New(fault.Denied, "no signature matches")
}

// Subscribe asks for webhooks about orders and returns.
func (c *Client) Subscribe(ctx context.Context, target, secret string) error {
	body, err := json.Marshal(map[string]any{
		"url": target, "secret": secret, "description": "Crossdock",
		"topics": []string{"order.shipped", "order.shipment.delivered", "order.shipment.exception", "order.shipment.on_hold", "order.shipment.cancelled", "return.completed"},
	})
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return c.call(ctx, transport.Request{Operation: "subscribe", Method: http.MethodPost, Path: "/webhook", Body: body}, http.StatusOK, nil)
}

// Hinted reads back what a delivery about an order is about. The body's form is not published:
// it mirrors an order or a shipment, so only its ids are taken.
func (c *Client) Hinted(ctx context.Context, body []byte) ([]shipments.Report, error) {
	var hint struct {
		ID      json.Number `json:"id"`
		OrderID json.Number `json:"order_id"`
	}
	if err := json.Unmarshal(body, &hint); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "a delivery that cannot be read").From(c.t.Name())
	}
	id := hint.OrderID
	if id == "" {
		id = hint.ID
	}
	if id == "" {
		return nil, fault.New(fault.Invalid, "a delivery without an id").From(c.t.Name())
	}
	var list []order
	q := url.Values{"IDs": {string(id)}, "Limit": {"1"}, "Page": {"1"}}
	if err := c.call(ctx, transport.Request{Operation: "read back", Method: http.MethodGet, Path: "/order", Query: q, Keys: 1, Read: true}, http.StatusOK, &list); err != nil {
		return nil, err
	}
	var out []shipments.Report
	for _, o := range list {
		out = append(out, c.report(o))
	}
	return out, nil
}
