// Package rest connects a product by configuration alone: endpoints, batch parameters, paging,
// credentials and a field map, with CEL where a cell needs an expression. It is for the many
// ERPs, warehouses and 3PLs that a company wrote itself.
//
// An operation of the configuration is one question or one command:
//
//	stock:
//	  path: /v1/stock
//	  query: {skus: keys}          # CEL; "keys" is the list asked for, joined by commas
//	  batch: 200                   # keys of one call
//	  items: items                 # where the rows are
//	  fields: {node: site, sku: sku, onHand: on_hand, allocated: allocated}
//
// A field is a dotted path into the row, or a CEL expression over "row" after an equals sign. A
// port is complete or it is not there: which operations each port needs is said at its type.
package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
	"crossdock/sources/transport"
)

// Operation describes one call of the product.
type Operation struct {
	Method string `yaml:"method"`
	Path   string `yaml:"path"`
	// Query values and Body are CEL over the operation's variables.
	Query map[string]string `yaml:"query"`
	Body  string            `yaml:"body"`
	// Batch is the number of keys of one call; zero is one.
	Batch int `yaml:"batch"`
	// Items is the dotted path of the rows; empty when the reply is the row.
	Items string `yaml:"items"`
	// Next is the dotted path of the next page's URL, if the product pages.
	Next string `yaml:"next"`
	// Fields say where each of our fields is in a row.
	Fields map[string]string `yaml:"fields"`
	// Values translate a field's values.
	Values map[string]map[string]string `yaml:"values"`
	// Safe says that repeating the call changes nothing, where its method does not say so.
	Safe bool `yaml:"safe"`
	// OK lists statuses that answer the call; 200 and 201 when empty. Exists lists statuses that
	// say that a command was carried out before.
	OK     []int `yaml:"ok"`
	Exists []int `yaml:"exists"`
}

// Config describes a product.
type Config struct {
	// Header and Secret are the credential.
	Header string `yaml:"header"`
	Secret string `yaml:"-"`
	// Policy bounds how it is called.
	Policy transport.Policy `yaml:"-"`
	// Account is whom a storefront's orders are for, where they do not say.
	Account    trade.AccountID      `yaml:"-"`
	Operations map[string]Operation `yaml:"operations"`
}

// Client is one product.
type Client struct {
	t   *transport.Client
	ops map[string]*operation
	// sellsFor is whom a storefront's orders are for, where they do not say.
	sellsFor trade.AccountID
}

type operation struct {
	Operation
	name   string
	query  map[string]cel.Program
	body   cel.Program
	fields map[string]cell
}

// cell reads one field of a row.
type cell struct {
	path    []string
	program cel.Program
	values  map[string]string
}

// New compiles the configuration. It fails on the first expression that does not compile and
// names it. It opens no connection.
func New(name, base string, cfg Config) (*Client, error) {
	t, err := transport.New(name, base, transport.Config{Policy: cfg.Policy, Authorize: func(_ context.Context, r *http.Request) error {
		if cfg.Header != "" {
			r.Header.Set(cfg.Header, cfg.Secret)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	c := &Client{t: t, ops: map[string]*operation{}, sellsFor: cfg.Account}
	for _, op := range slices.Sorted(maps.Keys(cfg.Operations)) {
		compiled, err := compile(op, cfg.Operations[op])
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "source %s: operation %s", name, op)
		}
		c.ops[op] = compiled
	}
	return c, nil
}

// Transport is the client's connection, for its figures.
func (c *Client) Transport() *transport.Client { return c.t }

// Has reports whether the operations are all configured, so that their port can be wired.
func (c *Client) Has(operations ...string) bool {
	return !slices.ContainsFunc(operations, func(op string) bool { return c.ops[op] == nil })
}

// variables are what expressions can name, each with what it is where an operation has none.
func variables() map[string]any {
	none := map[string]any{}
	return map[string]any{
		"keys": "", "nodes": "", "node": "", "since": "", "after": "", "limit": 0,
		"work": none, "goods": none, "hook": none, "row": none, "order": none, "quote": none, "memo": none, "shipment": none, "stock": none,
	}
}

func compile(name string, o Operation) (*operation, error) {
	if o.Method == "" {
		o.Method = http.MethodGet
	}
	if len(o.OK) == 0 {
		o.OK = []int{http.StatusOK, http.StatusCreated}
	}
	options := make([]cel.EnvOption, 0, len(variables()))
	for name, blank := range variables() {
		typ := cel.DynType
		switch blank.(type) {
		case string:
			typ = cel.StringType
		case int:
			typ = cel.IntType
		}
		options = append(options, cel.Variable(name, typ))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, err
	}
	program := func(expression string) (cel.Program, error) {
		ast, issues := env.Compile(expression)
		if issues.Err() != nil {
			return nil, fmt.Errorf("%q: %w", expression, issues.Err())
		}
		return env.Program(ast, cel.CostLimit(100_000))
	}
	out := &operation{Operation: o, name: name, query: map[string]cel.Program{}, fields: map[string]cell{}}
	for k, v := range o.Query {
		if out.query[k], err = program(v); err != nil {
			return nil, fmt.Errorf("query %s: %w", k, err)
		}
	}
	if o.Body != "" {
		if out.body, err = program(o.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
	for field, at := range o.Fields {
		f := cell{values: o.Values[field]}
		if expression, ok := strings.CutPrefix(at, "="); ok {
			if f.program, err = program(expression); err != nil {
				return nil, fmt.Errorf("field %s: %w", field, err)
			}
		} else {
			f.path = strings.Split(at, ".")
		}
		out.fields[field] = f
	}
	return out, nil
}

// row is one record of a reply, read through the field map. What cannot be read is remembered with the
// record, and reading goes on: whoever has read it all asks for the trouble.
type row struct {
	op      *operation
	raw     any
	trouble *error
}

func newRow(op *operation, raw any) row { return row{op, raw, new(error)} }

// below is a record inside this one.
func (r row) below(op *operation, raw any) row { return row{op, raw, r.trouble} }

// unread remembers that a field does not hold what it should.
func (r row) unread(field, what string) {
	if *r.trouble == nil {
		*r.trouble = fault.New(fault.BadResponse, "field %s holds %q, which is no %s: mend the source's map", field, r.text(field), what)
	}
}

// unreadable is the first thing in the record that could not be read, nil when there is none.
func (c *Client) unreadable(r row) error {
	if e, ok := errors.AsType[*fault.Error](*r.trouble); ok {
		return e.From(c.t.Name())
	}
	return *r.trouble
}

func at(v any, path []string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func (r row) value(field string) any {
	f, ok := r.op.fields[field]
	if !ok {
		return nil
	}
	v := at(r.raw, f.path)
	if f.program != nil {
		out, _, err := f.program.Eval(map[string]any{"row": r.raw})
		if err != nil {
			if *r.trouble == nil {
				*r.trouble = fault.Wrap(fault.BadResponse, err, "field %s cannot be worked out: mend the source's map", field)
			}
			return nil
		}
		v = out.Value()
	}
	if f.values != nil {
		if mapped, ok := f.values[fmt.Sprint(v)]; ok {
			return mapped
		}
		return f.values["*"]
	}
	return v
}

func (r row) text(field string) string {
	switch v := r.value(field).(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// number reads a decimal number; zero when there is none.
func (r row) number(field string) trade.Decimal {
	text := r.text(field)
	if text == "" {
		return trade.Decimal{}
	}
	d, err := trade.ParseDecimal(text)
	if err != nil {
		r.unread(field, "decimal number")
		return trade.Decimal{}
	}
	return d
}

// time reads a moment; the zero one when there is none.
func (r row) time(field string) time.Time {
	text := r.text(field)
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		r.unread(field, "time by RFC 3339")
		return time.Time{}
	}
	return t
}

// rows reads a field that holds records, through the fields of a further operation, which is a
// map only and is never called.
func (r row) rows(c *Client, field, shape string) []row {
	list, _ := r.value(field).([]any)
	out := make([]row, 0, len(list))
	for _, v := range list {
		out = append(out, r.below(c.ops[shape], v))
	}
	return out
}

// call runs an operation and returns its rows. exists is true when the product said that the
// command was carried out before.
func (c *Client) call(ctx context.Context, name string, vars map[string]any, keys int) (rows []row, exists bool, err error) {
	op := c.ops[name]
	if op == nil {
		return nil, false, fault.New(fault.Unsupported, "operation %s is not configured", name).From(c.t.Name())
	}
	req := transport.Request{Operation: name, Method: op.Method, Query: url.Values{}, Keys: keys, Read: op.Safe}
	if req.Path, err = expand(op.Path, vars); err != nil {
		return nil, false, err
	}
	all := variables()
	maps.Copy(all, vars)
	for k, p := range op.query {
		v, _, err := p.Eval(all)
		if err != nil {
			return nil, false, fault.Wrap(fault.Invalid, err, "query %s of %s", k, name).From(c.t.Name())
		}
		if text := fmt.Sprint(v.Value()); text != "" {
			req.Query.Set(k, text)
		}
	}
	if op.body != nil {
		v, _, err := op.body.Eval(all)
		if err != nil {
			return nil, false, fault.Wrap(fault.Invalid, err, "body of %s", name).From(c.t.Name())
		}
		if req.Body, err = json.Marshal(native(v)); err != nil {
			return nil, false, fault.Wrap(fault.Invalid, err, "body of %s", name).From(c.t.Name())
		}
	}
	for range maxPages {
		var more []row
		var next string
		req.Decode = func(res *transport.Response) (err error) {
			exists = slices.Contains(op.Exists, res.Status)
			if !exists && !slices.Contains(op.OK, res.Status) {
				return refusal(res.Status)
			}
			if more, next, err = op.decode(res.Body); err != nil {
				return fault.Wrap(fault.BadResponse, err, "a reply to %s that cannot be read", name)
			}
			return nil
		}
		if _, err := c.t.Do(ctx, req); err != nil {
			return nil, exists, err
		}
		rows = append(rows, more...)
		if next == "" {
			return rows, exists, nil
		}
		req.Path, req.Query = next, nil
	}
	return nil, exists, fault.New(fault.BadResponse, "%s has more than %d pages", name, maxPages).From(c.t.Name())
}

// maxPages bounds a list that does not end.
const maxPages = 1000

func (op *operation) decode(body []byte) (rows []row, next string, err error) {
	if len(body) == 0 {
		return nil, "", nil
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, "", err
	}
	if op.Next != "" {
		next, _ = at(v, strings.Split(op.Next, ".")).(string)
	}
	if op.Items == "" {
		if list, ok := v.([]any); ok {
			return rowsOf(op, list), next, nil
		}
		return []row{newRow(op, v)}, next, nil
	}
	list, ok := at(v, strings.Split(op.Items, ".")).([]any)
	if !ok {
		return nil, "", fmt.Errorf("no list at %s", op.Items)
	}
	return rowsOf(op, list), next, nil
}

// rowsOf makes rows of a list. Where a product has nothing it may say null.
func rowsOf(op *operation, list []any) []row {
	out := make([]row, 0, len(list))
	for _, v := range list {
		if v != nil {
			out = append(out, newRow(op, v))
		}
	}
	return out
}

// expand fills {names} of a path.
func expand(path string, vars map[string]any) (string, error) {
	for {
		i := strings.IndexByte(path, '{')
		if i < 0 {
			return path, nil
		}
		j := strings.IndexByte(path[i:], '}')
		if j < 0 {
			return "", fault.New(fault.Invalid, "the path %q has an open brace", path)
		}
		v := at(vars, strings.Split(path[i+1:i+j], "."))
		path = path[:i] + url.PathEscape(fmt.Sprint(v)) + path[i+j+1:]
	}
}

func refusal(status int) *fault.Error {
	kind := fault.Invalid
	switch {
	case status == http.StatusNotFound:
		kind = fault.NotFound
	case status == http.StatusConflict:
		kind = fault.Conflict
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind = fault.Denied
	case status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout:
		kind = fault.Timeout
	case status >= 500:
		kind = fault.Unavailable
	}
	return fault.New(kind, "the source answered %s", strconv.Itoa(status))
}

// inParts asks for keys in calls of the operation's batch size.
func inParts[K any](keys []K, batch int, fn func([]K) error) error {
	batch = max(1, batch)
	for len(keys) > 0 {
		n := min(batch, len(keys))
		if err := fn(keys[:n]); err != nil {
			return err
		}
		keys = keys[n:]
	}
	return nil
}

func join[K ~string](keys []K) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = string(k)
	}
	return strings.Join(parts, ",")
}
