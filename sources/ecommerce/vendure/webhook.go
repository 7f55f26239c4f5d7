package vendure

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"crossdock/domains/fault"
	"crossdock/sources/transport"
)

// Verify checks a delivery of the plugin (docs/partners/vendure) and returns its id and topic.
func Verify(secret string, h http.Header, body []byte) (delivery, topic string, err error) {
	got, err := base64.StdEncoding.DecodeString(h.Get("X-Crossdock-Signature"))
	if err != nil || !transport.Signed(secret, body, got) {
		return "", "", fault.New(fault.Denied, "the signature does not match")
	}
	if delivery = h.Get("X-Crossdock-Delivery"); delivery == "" {
		return "", "", fault.New(fault.Denied, "X-Crossdock-Delivery is required")
	}
	return delivery, h.Get("X-Crossdock-Topic"), nil
}

// OrderOf returns the id of the order that a delivery is about.
func OrderOf(body []byte) (string, error) {
	var hint struct {
		Order string `json:"orderId"`
	}
	if err := json.Unmarshal(body, &hint); err != nil || hint.Order == "" {
		return "", fault.New(fault.Invalid, "a delivery without orderId")
	}
	return hint.Order, nil
}
