package livetest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Password is that of the user crossdock.
const Password = "crossdock-live"

// Tryton is one database of Tryton.
type Tryton struct {
	*Proxy
	database, session string
}

// NewTryton is the database behind the address in the environment.
func NewTryton(t *testing.T, env, database string) *Tryton {
	t.Helper()
	p := &Tryton{Proxy: NewProxy(t, env, trytonWrites), database: database}
	var login []any
	p.Call("common.db.login", []any{"crossdock", map[string]string{"password": Password}}, &login)
	p.session = base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "crossdock:%v:%v", login[0], login[1]))
	return p
}

func trytonWrites(body []byte) bool {
	var call struct{ Method string }
	_ = json.Unmarshal(body, &call)
	for _, read := range []string{".search_read", ".on_change", ".get_preferences", "db.login"} {
		if strings.HasSuffix(call.Method, read) {
			return false
		}
	}
	return true
}

// Context is the last parameter of every call.
func (p *Tryton) Context() map[string]any { return map[string]any{"company": 1, "language": "en"} }

// Try calls the product beside the adapter, as people do, and returns what it refuses with.
func (p *Tryton) Try(method string, params []any, out any) error {
	p.t.Helper()
	body, err := json.Marshal(map[string]any{"id": 1, "method": method, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.Direct+"/"+p.database+"/", bytes.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if p.session != "" {
		req.Header.Set("Authorization", "Session "+p.session)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	var reply struct{ Result, Error json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&reply); err != nil || len(reply.Error) > 0 {
		return fmt.Errorf("%s: %d %s %w", method, res.StatusCode, reply.Error, err)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(reply.Result, out)
}

// Call is Try for what must not fail.
func (p *Tryton) Call(method string, params []any, out any) {
	p.t.Helper()
	if err := p.Try(method, params, out); err != nil {
		p.t.Fatal(err)
	}
}

// Count asks the product's own books how many records there are.
func (p *Tryton) Count(model string, domain ...any) (n int) {
	p.t.Helper()
	p.Call("model."+model+".search_count", []any{domain, p.Context()}, &n)
	return n
}

// IDs are the records that a domain finds, in order of id.
func (p *Tryton) IDs(model string, domain ...any) (ids []int) {
	p.t.Helper()
	p.Call("model."+model+".search", []any{domain, 0, nil, []any{[]any{"id", "ASC"}}, p.Context()}, &ids)
	return ids
}

// Move has a person call transitions of records, each confirming what it asks.
func (p *Tryton) Move(model string, ids []int, transitions ...string) {
	p.t.Helper()
	for _, transition := range transitions {
		for range 10 {
			err := p.Try("model."+model+"."+transition, []any{ids, p.Context()}, nil)
			if err == nil {
				break
			}
			_, after, asks := strings.Cut(err.Error(), `["UserWarning",["`)
			if !asks {
				p.t.Fatal(err)
			}
			name, _, _ := strings.Cut(after, `"`)
			var user []int
			p.Call("model.res.user.search", []any{[]any{[]any{"login", "=", "crossdock"}}, 0, 1, nil, p.Context()}, &user)
			p.Call("model.res.user.warning.create", []any{[]any{map[string]any{"user": user[0], "name": name, "always": false}}, p.Context()}, nil)
		}
	}
}

// Write changes records.
func (p *Tryton) Write(model string, ids []int, values map[string]any) {
	p.t.Helper()
	p.Call("model."+model+".write", []any{ids, values, p.Context()}, nil)
}

// Pack has people put the goods that leave by a shipment into packages: all into one, or each move into its own.
// They have the tracking number, which is counted when there are several.
func (p *Tryton) Pack(shipment int, tracking string, each bool) {
	p.t.Helper()
	of := fmt.Sprintf("stock.shipment.out,%d", shipment)
	moves := p.IDs("stock.move", []any{"shipment", "=", of}, []any{"to_location.type", "=", "customer"})
	put := func(moves []int, tracking string) {
		p.t.Helper()
		p.Call("model.stock.package.create", []any{[]any{map[string]any{
			"type": p.IDs("stock.package.type")[0], "company": 1, "shipment": of, "moves": []any{[]any{"add", moves}}, "shipping_reference": tracking,
		}}, p.Context()}, nil)
	}
	if !each {
		put(moves, tracking)
		return
	}
	for i := range moves {
		put(moves[i:i+1], fmt.Sprint(tracking, i+1))
	}
}

// Split has people put a shipment back to draft and move the first of its outgoing moves to another, which
// stays a draft too. It returns both.
func (p *Tryton) Split(shipment int) (rest, part int) {
	p.t.Helper()
	const model = "stock.shipment.out"
	p.Move(model, []int{shipment}, "draft")
	of := fmt.Sprintf("%s,%d", model, shipment)
	moves := p.IDs("stock.move", []any{"shipment", "=", of}, []any{"to_location.type", "=", "customer"})
	on := p.Context()
	on["active_model"], on["active_id"], on["active_ids"] = model, shipment, []int{shipment}
	const wizard = "wizard.stock.shipment.split."
	var session []any
	p.Call(wizard+"create", []any{p.Context()}, &session)
	p.Call(wizard+"execute", []any{session[0], map[string]any{"start": map[string]any{"moves": moves[:1], "domain_moves": moves}}, "split", on}, nil)
	var moved []struct{ Shipment string }
	p.Call("model.stock.move.search_read", []any{[]any{[]any{"id", "=", moves[0]}}, 0, 1, nil, []string{"shipment"}, p.Context()}, &moved)
	if _, err := fmt.Sscanf(moved[0].Shipment, model+",%d", &part); err != nil || part == shipment {
		p.t.Fatalf("after the split the move is in %s", moved[0].Shipment)
	}
	return shipment, part
}
