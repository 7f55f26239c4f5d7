package main

import (
	"context"
	"net/http"
	"time"

	"crossdock/domains/fault"
	"crossdock/internal/config"
	"crossdock/sources/ecommerce/shopify"
	"crossdock/sources/ecommerce/vendure"
	"crossdock/sources/ingest"
	"crossdock/sources/rest"
	"crossdock/sources/route"
	"crossdock/sources/threepl/shipbob"
)

// hook makes known what a source may send us.
func (a *app) hook(s config.Source) {
	if s.WebhookSecret == "" {
		return
	}
	if _, ok := a.shops[s.Name]; ok {
		a.inbox.Hooks[s.Name] = a.shopHook(s)
		return
	}
	switch c := a.systems[s.Name].(type) {
	case *shipbob.Client:
		a.inbox.Hooks[s.Name] = ingest.Hook{
			Verify: func(h http.Header, body []byte, now time.Time) (string, string, error) {
				return shipbob.Verify(s.WebhookSecret, h, body, now)
			},
			Handle: func(ctx context.Context, topic string, body []byte) error {
				if topic == "return.completed" {
					a.nodes.Round(ctx)
					return nil
				}
				reports, err := c.Hinted(ctx, body)
				if err != nil {
					return err
				}
				names, err := a.itemsOf(ctx, s.Name)
				if err != nil {
					return err
				}
				for _, r := range reports {
					if err := a.shipments.Observe(ctx, route.Reported(r, names)); err != nil && fault.KindOf(err) != fault.NotFound {
						return err // what is not ours was placed by somebody else
					}
				}
				return nil
			},
		}
	case *rest.Client:
		a.inbox.Hooks[s.Name] = ingest.Hook{
			Verify: func(h http.Header, body []byte, _ time.Time) (string, string, error) {
				return rest.Webhook(s.Webhook).Verify(s.WebhookSecret, h, body)
			},
			Handle: func(ctx context.Context, _ string, body []byte) error {
				number, err := rest.Webhook(s.Webhook).About(body)
				if err != nil {
					return err
				}
				names, err := a.itemsOf(ctx, s.Name)
				if err != nil {
					return err
				}
				works, err := c.Reports(ctx, "", []string{number})
				if err != nil {
					return err
				}
				if r, ok := works.Found[number]; ok {
					if err := a.shipments.Observe(ctx, route.Reported(r, names)); fault.KindOf(err) != fault.NotFound {
						return err
					}
					return nil
				}
				if err := works.Failed[number]; err != nil {
					return err
				}
				goods, err := c.Receipts(ctx, "", []string{number})
				if err != nil {
					return err
				}
				if r, ok := goods.Found[number]; ok {
					return a.returns.Observe(ctx, route.Received(r, names))
				}
				return goods.Failed[number]
			},
		}
	}
}

// shopHook is what a shop sends: word of an order, which is read back.
func (a *app) shopHook(s config.Source) ingest.Hook {
	var verify func(secret string, h http.Header, body []byte) (delivery, topic string, err error)
	var about func(body []byte) (string, error)
	switch a.shops[s.Name].(type) {
	case *shopify.Client:
		verify, about = shopify.Verify, shopify.OrderOf
	case *vendure.Client:
		verify, about = vendure.Verify, vendure.OrderOf
	default:
		verify, about = rest.Webhook(s.Webhook).Verify, rest.Webhook(s.Webhook).About
	}
	return ingest.Hook{
		Verify: func(h http.Header, body []byte, _ time.Time) (string, string, error) {
			return verify(s.WebhookSecret, h, body)
		},
		Handle: func(ctx context.Context, _ string, body []byte) error {
			ref, err := about(body)
			if err != nil {
				return err
			}
			return a.shopping.Hint(ctx, s.Name, ref)
		},
	}
}

// subscribe asks the sources that are to send webhooks to do so, again and again until each has
// agreed: a source that is down at our start is asked later, and polls bridge the time.
func (a *app) subscribe(ctx context.Context) error {
	open := map[string]func(context.Context) error{}
	for _, s := range a.cfg.Sources {
		target := a.cfg.PublicURL + "/webhooks/" + s.Name
		var system any = a.systems[s.Name]
		if shop := a.shops[s.Name]; shop != nil {
			system = shop
		}
		c, ok := system.(interface {
			Subscribe(ctx context.Context, target, secret string) error
		})
		if ok && s.RegisterWebhooks && s.WebhookSecret != "" && !s.Shadow {
			open[s.Name] = func(ctx context.Context) error { return c.Subscribe(ctx, target, s.WebhookSecret) }
		}
	}
	return ingest.Every(ctx, time.Minute, func(ctx context.Context) {
		for name, ask := range open {
			err := ask(ctx)
			if err == nil {
				delete(open, name)
				continue
			}
			if ctx.Err() == nil {
				a.log.WarnContext(ctx, "register webhooks", "source", name, "error", err)
			}
		}
	})
}
