package tryton

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
	"crossdock/sources/trytonrpc"
)

// Client is one database of a warehouse system, with all its warehouses: a node is a warehouse's code.
type Client struct {
	rpc  *trytonrpc.Client
	home trytonrpc.Learned[home]
}

// home is what all questions depend on and nobody changes: the company, and its warehouses.
type home struct {
	*trytonrpc.Company
	warehouses map[trade.NodeID]warehouse
	// customers is the location that goods leave to and come back from.
	customers int
}

type warehouse struct {
	ID     int    `json:"id"`
	Code   string `json:"code"`
	Input  int    `json:"input_location"`
	Store  int    `json:"storage_location"`
	Output int    `json:"output_location"`
}

// New returns a client of the server at base. It opens no connection.
func New(name, base string, cfg trytonrpc.Config) (*Client, error) {
	rpc, err := trytonrpc.New(name, base, cfg)
	if err != nil {
		return nil, err
	}
	return &Client{rpc: rpc}, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.rpc.Transport() }

// where learns the company and its warehouses, once.
func (c *Client) where(ctx context.Context) (*home, error) {
	return c.home.Get(func() (*home, error) { return c.learn(ctx) })
}

func (c *Client) learn(ctx context.Context) (*home, error) {
	company, err := c.rpc.Company(ctx)
	if err != nil {
		return nil, err
	}
	type location struct {
		warehouse
		Type string `json:"type"`
	}
	list, err := trytonrpc.Search[location](ctx, c.rpc, company, "warehouses", "stock.location", []any{[]any{"type", "in", []string{"warehouse", "customer"}}}, []string{"code", "type", "input_location", "storage_location", "output_location"}, nil)
	if err != nil {
		return nil, err
	}
	h := &home{Company: company, warehouses: map[trade.NodeID]warehouse{}}
	for _, l := range list {
		switch {
		case l.Type == "warehouse" && l.Code != "":
			h.warehouses[trade.NodeID(l.Code)] = l.warehouse
		case l.Type == "customer" && h.customers == 0:
			h.customers = l.ID
		}
	}
	if len(h.warehouses) == 0 || h.customers == 0 {
		return nil, fault.New(fault.Invalid, "there is no warehouse with a code, or no location of customers: a node is found by its warehouse's code").From(c.rpc.Name())
	}
	return h, nil
}

// at returns the warehouse of a node.
func (c *Client) at(h *home, node trade.NodeID) (warehouse, error) {
	w, ok := h.warehouses[node]
	if !ok {
		return w, fault.New(fault.Invalid, "there is no warehouse with the code %q: give the node's location one that exists", node).From(c.rpc.Name())
	}
	return w, nil
}

// document is a shipment, or a return's, as far as both are the same.
type document struct {
	ID        int    `json:"id"`
	Number    string `json:"number"`
	Reference string `json:"reference"`
	State     string `json:"state"`
	Maker     int    `json:"create_uid"`
	// Stamp is what the record's last change is known by.
	Stamp string `json:"_timestamp"`
	trytonrpc.Stamps
}

func documentFields() []string {
	return []string{"number", "reference", "state", "create_uid", "_timestamp", "create_date", "write_date"}
}

// made reports whether the document is a draft that the user has made and nobody has touched since: no work
// yet. A draft that was touched is somebody's who splits it.
func (d document) made(user int) bool {
	return d.State == draft && d.Maker == user && d.Modified().Equal(d.Created.Time())
}

func (d document) same() document { return d }

// kind is a model of documents, with its states from first to last.
type kind struct {
	model  string
	states []string
}

const (
	draft     = "draft"
	cancelled = "cancelled"
	done      = "done"
)

func outgoing() kind {
	return kind{"stock.shipment.out", []string{cancelled, draft, "waiting", "assigned", "picked", "packed", done}}
}

func incoming() kind {
	return kind{"stock.shipment.out.return", []string{cancelled, draft, "received", done}}
}

// furthest is the document that has come furthest, the first made of several.
func (k kind) furthest(list []document) document {
	return slices.MaxFunc(list, func(a, b document) int {
		if d := slices.Index(k.states, a.State) - slices.Index(k.states, b.State); d != 0 {
			return d
		}
		return b.ID - a.ID
	})
}

// maxRounds bounds how often one looks at what others make under the same reference.
const maxRounds = 20

// once makes a document under a reference, exactly once however many try at the same time, although the
// product has no unique key: a draft is made when there is none, and all but one of the drafts that were made
// by this user, and nobody has touched, are cancelled. It returns that one, or one that is further already.
//
// Whoever looks has made a draft or found one. Of two who make one at the same time at least one sees both
// before it goes on. What is further stays, and else what is older, so that all who see both agree; and what
// somebody has handed on meanwhile is not cancelled by who saw it as a draft.
func (c *Client) once(ctx context.Context, h *home, k kind, reference string, body func() (map[string]any, error)) (document, error) {
	made := false
	for range maxRounds {
		list, err := c.documents(ctx, h, k, reference)
		if err != nil {
			return document{}, err
		}
		if len(list) == 0 {
			if made {
				return document{}, fault.New(fault.Conflict, "%s was made and is gone", reference).From(c.rpc.Name())
			}
			in, err := body()
			if err != nil {
				return document{}, err
			}
			if _, err := c.rpc.Create(ctx, h.Company, "make "+reference, k.model, in); err != nil {
				return document{}, err
			}
			made = true
			continue
		}
		stays := k.furthest(list)
		extra := slices.DeleteFunc(list, func(d document) bool { return d.ID == stays.ID || !d.made(c.rpc.User()) })
		if len(extra) == 0 {
			return stays, nil
		}
		if err := c.unchanged(ctx, h, k, "cancel", extra); err != nil && !overtaken(err) {
			return document{}, err
		}
	}
	return document{}, fault.New(fault.Unavailable, "others keep making %s", reference).From(c.rpc.Name())
}

// documents are those of a reference.
func (c *Client) documents(ctx context.Context, h *home, k kind, reference string) ([]document, error) {
	list, err := trytonrpc.ByKeys[document](ctx, c.rpc, h.Company, "look for "+reference, k.model, "reference", []string{reference}, documentFields(), nil)
	return slices.DeleteFunc(list, func(d document) bool { return d.Reference != reference }), err
}

// unchanged calls a transition of documents that nobody has changed since they were read.
func (c *Client) unchanged(ctx context.Context, h *home, k kind, transition string, list []document) error {
	ids, stamps := make([]int, len(list)), map[string]string{}
	for i, d := range list {
		ids[i] = d.ID
		stamps[fmt.Sprintf("%s,%d", k.model, d.ID)] = d.Stamp
	}
	return c.rpc.Unanswered(c.rpc.Call(ctx, transition, "model."+k.model+"."+transition, []any{ids, h.Context(map[string]any{"_timestamp": stamps})}, false, nil))
}

// overtaken reports whether a call did nothing because somebody was quicker, so that one looks again.
func overtaken(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.NotSent && f.Kind == fault.Unavailable
}
