package sandbox

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"crossdock/domains/trade"
)

// The steps of work in a warehouse and on the road. Each takes one tick of the clock.
const (
	stepNew       = "NEW"
	stepPicking   = "PICKING"
	stepPicked    = "PICKED"
	stepPacked    = "PACKED"
	stepShipped   = "SHIPPED"
	stepTransit   = "IN_TRANSIT"
	stepOut       = "OUT_FOR_DELIVERY"
	stepDelivered = "DELIVERED"
	stepCancelled = "CANCELLED"
	stepRefused   = "REFUSED"
	stepExpected  = "EXPECTED"
	stepArrived   = "ARRIVED"
	stepInspected = "INSPECTED"
)

func following(step string) string {
	return map[string]string{
		stepNew: stepPicking, stepPicking: stepPicked, stepPicked: stepPacked, stepPacked: stepShipped, stepShipped: stepTransit, stepTransit: stepOut, stepOut: stepDelivered,
		stepExpected: stepArrived, stepArrived: stepInspected,
	}[step]
}

// Engine moves the world's work and sends its webhooks.
type Engine struct {
	world *World
	knobs *Knobs
	// Tick is how long each step takes; zero stops the clock.
	tick time.Duration
	log  *slog.Logger
	out  chan delivery
	// held is, by receiver, a delivery that waits to be overtaken; told counts what was sent, by kind
	// and system. The world's lock guards both.
	held map[string]*delivery
	told map[string]int
}

type delivery struct {
	hook  hook
	topic string
	body  []byte
	id    string
	tries int
	// then is an older delivery that comes after this one.
	then *delivery
}

// Run moves the world until the context ends.
func (e *Engine) Run(ctx context.Context) error {
	go e.deliver(ctx)
	if e.tick <= 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(max(e.tick/4, 10*time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			e.Step(false)
		}
	}
}

// Step moves everything that is due; all moves everything, due or not.
func (e *Engine) Step(all bool) {
	w := e.world
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	waiting := maps.Clone(e.held)
	for _, id := range sorted(w.work) {
		k := w.work[id]
		next := following(k.Step)
		if next == "" || (!all && now.Before(k.Due)) {
			continue
		}
		e.advance(k, next, now)
	}
	for _, id := range sorted(w.returns) {
		r := w.returns[id]
		next := following(r.Step)
		if next == "" || (!all && now.Before(r.Due)) {
			continue
		}
		r.Step, r.Modified, r.Due = next, now, now.Add(e.tick)
		out := []entry{record("return", id, r)}
		if next == stepInspected {
			out = append(out, e.dispose(r)...)
			e.announce(r.System, map[string]string{"wms": "return.inspected", shipBobMain: "return.completed", shipBobSouth: "return.completed"}[r.System], r.Reference, r.ID)
		}
		w.keep(out...)
	}
	// What nothing has overtaken since the last step goes late.
	for id, d := range waiting {
		if e.held[id] == d {
			delete(e.held, id)
			e.send(*d)
		}
	}
}

func (e *Engine) advance(k *work, next string, now time.Time) {
	w := e.world
	out := []entry{}
	switch next {
	case stepPicking:
		if e.knobs.take("refuse", k.System) {
			k.Step, k.Note, k.Modified = stepRefused, "the site cannot take this order", now
			out = append(out, w.unallocate(k)...)
			w.keep(append(out, record("work", workKey(k), k))...)
			topic := "order.shipment.exception"
			if k.System == "wms" {
				topic = "outbound.refused"
			}
			e.announce(k.System, topic, k.Reference, k.ID)
			return
		}
	case stepPicked:
		if e.knobs.take("short", k.System) {
			k.Short = true
			k.Lines[0].Shipped = halve(k.Lines[0].Quantity)
			for i := 1; i < len(k.Lines); i++ {
				k.Lines[i].Shipped = k.Lines[i].Quantity
			}
		}
	case stepShipped:
		for i := range k.Lines {
			l := &k.Lines[i]
			if !k.Short {
				l.Shipped = l.Quantity
			}
			s := w.stock[stockKey(k.System, k.Site, l.SKU)]
			s.OnHand, s.Allocated = trade.Less(s.OnHand, l.Shipped), trade.Less(s.Allocated, l.Quantity)
			out = append(out, record("stock", stockKey(k.System, k.Site, l.SKU), s))
		}
		at := now
		k.Shipped, k.Carrier, k.Tracking = &at, "UPS", fmt.Sprintf("1Z%s%08d", strings.ToUpper(k.System[:2]), k.ID)
		k.Scans = append(k.Scans, scan{"LABEL_CREATED", k.Site, now})
	case stepTransit:
		k.Scans = append(k.Scans, scan{stepTransit, "hub", now})
	case stepOut:
		k.Scans = append(k.Scans, scan{stepOut, k.ShipTo.City, now})
	case stepDelivered:
		k.Scans = append(k.Scans, scan{stepDelivered, k.ShipTo.City, now})
	}
	k.Step, k.Modified, k.Due = next, now, now.Add(e.tick)
	w.keep(append(out, record("work", workKey(k), k))...)
	topic := map[string]string{stepShipped: "order.shipped", stepDelivered: "order.shipment.delivered"}[next]
	if k.System == "wms" {
		topic = "outbound." + strings.ToLower(next)
	}
	if topic != "" {
		e.announce(k.System, topic, k.Reference, k.ID)
	}
}

// dispose puts goods that came back where they belong: one in four is damaged.
func (e *Engine) dispose(r *goodsReturn) []entry {
	var out []entry
	for i := range r.Lines {
		l := &r.Lines[i]
		bad := trade.Decimal{}
		if e.knobs.take("damaged", r.System) {
			bad = halve(l.Quantity)
		}
		good := trade.Less(l.Quantity, bad)
		if good.IsPos() {
			l.Done = append(l.Done, disposed{"Restock", good})
			key := stockKey(r.System, r.Site, l.SKU)
			if s := e.world.stock[key]; s != nil {
				s.OnHand = trade.Sum(s.OnHand, good)
				out = append(out, record("stock", key, s))
			}
		}
		if bad.IsPos() {
			l.Done = append(l.Done, disposed{"Quarantine", bad})
		}
	}
	return append(out, record("return", fmt.Sprintf("%s|%d", r.System, r.ID), r))
}

func (w *World) unallocate(k *work) []entry {
	var out []entry
	for _, l := range k.Lines {
		key := stockKey(k.System, k.Site, l.SKU)
		if s := w.stock[key]; s != nil {
			s.Allocated = trade.Less(s.Allocated, l.Quantity)
			out = append(out, record("stock", key, s))
		}
	}
	return out
}

func workKey(k *work) string { return fmt.Sprintf("%s|%d", k.System, k.ID) }

func halve(q trade.Decimal) trade.Decimal {
	h, err := q.Quo(trade.MustDecimal("2"))
	if err != nil {
		return q
	}
	return h.Floor(0)
}

func sorted[T any](m map[string]*T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// announce sends a webhook to everybody who asked for the topic. The body is a hint with ids,
// as these products send it; receivers read the rest back.
func (e *Engine) announce(system, topic, reference string, id int64) {
	body, err := json.Marshal(map[string]any{"topic": topic, "id": id, "order_id": id, "reference_id": reference, "reference": reference})
	if err != nil {
		panic(err)
	}
	for _, key := range sorted(e.world.hooks) {
		h := e.world.hooks[key]
		if h.System != system || (len(h.Topics) > 0 && !slices.Contains(h.Topics, topic)) {
			continue
		}
		e.tell(h, topic, body)
	}
}

// tell sends a delivery, or holds it back until a newer one has overtaken it. A redelivery has the
// body and the id of the first, by which receivers know it (developer.shipbob.com/webhooks,
// shopify.dev/docs/apps/build/webhooks/ignore-duplicates).
func (e *Engine) tell(h *hook, topic string, body []byte) {
	d := delivery{hook: *h, topic: topic, body: body, id: guid()}
	e.told["first:"+h.System]++
	switch older := e.held[h.ID]; {
	case older != nil:
		delete(e.held, h.ID)
		d.then = older
		e.told["reorder:"+h.System]++
	case e.knobs.chance("reorder", h.System):
		e.held[h.ID] = &d
		return
	}
	e.send(d)
	if e.knobs.chance("duplicate", h.System) {
		d.then = nil
		e.told["duplicate:"+h.System]++
		e.send(d)
	}
}

func (e *Engine) send(d delivery) {
	select {
	case e.out <- d:
	default: // a receiver that is down for long misses hints; polls catch up
	}
}

// deliver posts webhooks, again later when the receiver fails.
func (e *Engine) deliver(ctx context.Context) {
	client := &http.Client{Timeout: 5 * time.Second}
	for {
		var d delivery
		select {
		case <-ctx.Done():
			return
		case d = <-e.out:
		}
		go func() {
			done := e.post(ctx, client, d)
			if d.then != nil {
				e.send(*d.then)
				d.then = nil
			}
			if done || d.tries >= 8 || ctx.Err() != nil {
				return
			}
			d.tries++
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(200<<d.tries)*time.Millisecond + time.Duration(rand.IntN(100))*time.Millisecond):
				e.send(d)
			}
		}()
	}
}

func (e *Engine) post(ctx context.Context, client *http.Client, d delivery) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.hook.URL, bytes.NewReader(d.body))
	if err != nil {
		return true
	}
	req.Header.Set("Content-Type", "application/json")
	sign(req.Header, d, time.Now())
	res, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode < 300
}

// sign puts the headers of each product on a delivery.
func sign(h http.Header, d delivery, now time.Time) {
	switch d.hook.System {
	case shipBobMain, shipBobSouth: // developer.shipbob.com/2026-07/webhooks: Standard Webhooks
		stamp := fmt.Sprint(now.Unix())
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(d.hook.Secret, "whsec_"))
		if err != nil {
			key = []byte(d.hook.Secret)
		}
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", d.id, stamp, d.body)
		h.Set("webhook-id", d.id)
		h.Set("webhook-timestamp", stamp)
		h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		h.Set("x-webhook-topic", d.topic)
	case "shopify": // shopify.dev/docs/apps/build/webhooks/verify-deliveries
		mac := hmac.New(sha256.New, []byte(d.hook.Secret))
		_, _ = mac.Write(d.body)
		h.Set("X-Shopify-Hmac-Sha256", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		h.Set("X-Shopify-Topic", d.topic)
		h.Set("X-Shopify-Webhook-Id", d.id)
		h.Set("X-Shopify-Triggered-At", now.UTC().Format(time.RFC3339Nano))
	default: // the bespoke WMS: a plain HMAC over the body
		mac := hmac.New(sha256.New, []byte(d.hook.Secret))
		_, _ = mac.Write(d.body)
		h.Set("X-Wms-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
		h.Set("X-Wms-Delivery", d.id)
		h.Set("X-Wms-Topic", d.topic)
	}
}
