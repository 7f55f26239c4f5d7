package rest

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"

	"crossdock/domains/fault"
	"crossdock/sources/transport"
)

// Webhook says how the product signs what it sends, and where its deliveries name the work or
// the return that they are about.
type Webhook struct {
	// Signature is the header with the HMAC-SHA256 of the body in hex; "sha256=" may precede it.
	Signature string `yaml:"signature"`
	// Delivery and Topic are headers too.
	Delivery string `yaml:"delivery"`
	Topic    string `yaml:"topic"`
	// Number is the dotted path of our number in the body.
	Number string `yaml:"number"`
}

// Verify checks a delivery and returns its id and topic.
func (w Webhook) Verify(secret string, h http.Header, body []byte) (delivery, topic string, err error) {
	got, err := hex.DecodeString(strings.TrimPrefix(h.Get(w.Signature), "sha256="))
	if err != nil || len(got) == 0 {
		return "", "", fault.New(fault.Denied, "the header %s holds no signature", w.Signature)
	}
	if !transport.Signed(secret, body, got) {
		return "", "", fault.New(fault.Denied, "the signature does not match")
	}
	if delivery = h.Get(w.Delivery); delivery == "" {
		return "", "", fault.New(fault.Denied, "the header %s names no delivery", w.Delivery)
	}
	return delivery, h.Get(w.Topic), nil
}

// About returns our number of what a delivery is about.
func (w Webhook) About(body []byte) (string, error) {
	delivery, err := parse(body)
	if err != nil {
		return "", fault.New(fault.Invalid, "a delivery that is no JSON")
	}
	number := delivery.find(dotted(w.Number)).text
	if number == "" {
		return "", fault.New(fault.Invalid, "a delivery without %s", w.Number)
	}
	return number, nil
}

// Subscribe asks for webhooks. It needs the operation "subscribe", whose body is built from
// "hook", a map of url and secret.
func (c *Client) Subscribe(ctx context.Context, target, secret string) error {
	_, _, err := c.call(ctx, "subscribe", map[string]any{"hook": map[string]any{"url": target, "secret": secret}}, 0)
	return err
}
