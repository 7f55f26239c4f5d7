package shopify

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"crossdock/domains/fault"
	"crossdock/sources/transport"
)

// Verify checks a webhook and returns its delivery id and topic.
func Verify(secret string, h http.Header, body []byte) (delivery, topic string, err error) {
	got, err := base64.StdEncoding.DecodeString(h.Get("X-Shopify-Hmac-Sha256"))
	if err != nil || !transport.Signed(secret, body, got) {
		return "", "", fault.New(fault.Denied, "the signature does not match")
	}
	if delivery = h.Get("X-Shopify-Webhook-Id"); delivery == "" {
		return "", "", fault.New(fault.Denied, "X-Shopify-Webhook-Id is required")
	}
	return delivery, h.Get("X-Shopify-Topic"), nil
}

// OrderOf returns the id of the order that a delivery is about.
func OrderOf(body []byte) (string, error) {
	var hint struct {
		ID string `json:"admin_graphql_api_id"`
	}
	if err := json.Unmarshal(body, &hint); err != nil || hint.ID == "" {
		return "", fault.New(fault.Invalid, "a delivery without admin_graphql_api_id")
	}
	return hint.ID, nil
}

// Subscribe asks for webhooks about orders.
func (c *Client) Subscribe(ctx context.Context, target, _ string) error {
	for _, topic := range []string{"ORDERS_CREATE", "ORDERS_UPDATED"} {
		var data struct {
			Create struct {
				UserErrors []userError `json:"userErrors"`
			} `json:"webhookSubscriptionCreate"`
		}
		err := c.ask(ctx, "subscribe", `mutation($t: WebhookSubscriptionTopic!, $w: WebhookSubscriptionInput!) { webhookSubscriptionCreate(topic: $t, webhookSubscription: $w) { userErrors { field message } } }`,
			map[string]any{"t": topic, "w": map[string]any{"uri": target, "format": "JSON"}}, false, &data)
		if err != nil {
			return err
		}
	}
	return nil
}
