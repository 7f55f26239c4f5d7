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
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

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
	query []term
	body  cel.Program
	// programmed is true when what is asked is calculated: a program needs every variable that it could name.
	programmed bool
	cells      []cell
	// tree finds the cells of a row in one walk.
	tree *branch
	// slots is how many cells are read by a path.
	slots int
	// around finds the rows of a reply, in slot 0, and its next page, in slot 1; nil where the reply is the rows.
	around *branch
}

// term is a value of the query, by its name there: a variable by its path, or an expression.
type term struct {
	name    string
	path    []string
	program cel.Program
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
		compiled, err := compile(cfg.Operations[op])
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

func compile(o Operation) (*operation, error) {
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
	if strings.Contains(o.Path, "#") {
		return nil, fmt.Errorf("path %q: what follows # is not sent: write %%23 where it is part of a name", o.Path)
	}
	out := &operation{Operation: o, tree: &branch{}}
	for _, k := range slices.Sorted(maps.Keys(o.Query)) {
		v := o.Query[k]
		t := term{name: k, path: dotted(v)}
		if !variable.MatchString(v) || variables()[t.path[0]] == nil {
			if t.program, err = program(v); err != nil {
				return nil, fmt.Errorf("query %s: %w", k, err)
			}
			out.programmed = true
		}
		out.query = append(out.query, t)
	}
	for slot, path := range []string{o.Items, o.Next} {
		if path == "" {
			continue
		}
		if out.around == nil {
			out.around = &branch{}
		}
		out.around.grow(dotted(path), slot)
	}
	if o.Body != "" {
		if out.body, err = program(o.Body); err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
		out.programmed = true
	}
	for field, at := range o.Fields {
		f := cell{field: field, values: o.Values[field]}
		if expression, ok := strings.CutPrefix(at, "="); ok {
			if f.program, err = program(expression); err != nil {
				return nil, fmt.Errorf("field %s: %w", field, err)
			}
		} else {
			f.slot = out.slots
			out.tree.grow(dotted(at), f.slot)
			out.slots++
		}
		out.cells = append(out.cells, f)
	}
	return out, nil
}

// uses reports whether a query names the variable.
func (op *operation) uses(variable string) bool {
	for _, t := range op.query {
		if len(t.path) == 1 && t.path[0] == variable {
			return true
		}
	}
	return false
}

// changing reports whether an operation is a command.
func changing(operation string) bool {
	switch operation {
	case "register", "withdraw", "reduce", "post", "issue", "release", "recall", "expect", "acknowledge", "fulfil", "publish", "subscribe":
		return true
	default:
		return false
	}
}

// variable is an expression that only names one.
var variable = regexp.MustCompile(`^[a-z]+(\.[a-zA-Z]+)*$`)

func (t term) eval(vars, all map[string]any) (any, error) {
	if t.program == nil {
		return at(vars, t.path), nil
	}
	v, _, err := t.program.Eval(all)
	if err != nil {
		return nil, err
	}
	return v.Value(), nil
}

// at is what a path leads to among variables.
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

// dotted are the parts of a dotted path.
func dotted(path string) []string {
	if path == "" {
		return nil
	}
	return strings.Split(path, ".")
}

// call runs an operation and returns its rows. exists is true when the product said that the
// command was carried out before.
func (c *Client) call(ctx context.Context, name string, vars map[string]any, keys int) (found rows, exists bool, err error) {
	op := c.ops[name]
	if op == nil {
		return found, false, fault.New(fault.Unsupported, "operation %s is not configured", name).From(c.t.Name())
	}
	req := transport.Request{Operation: name, Method: op.Method, Keys: keys, Read: op.Safe}
	req.Change = transport.Nothing
	if changing(name) {
		req.Change = transport.Something // though it may be repeated
	}
	if req.Path, err = expand(op.Path, vars); err != nil {
		return found, false, err
	}
	all := vars
	if op.programmed {
		all = variables()
		maps.Copy(all, vars)
	}
	for _, t := range op.query {
		v, err := t.eval(vars, all)
		if err != nil {
			return found, false, fault.Wrap(fault.Invalid, err, "query %s of %s", t.name, name).From(c.t.Name())
		}
		text, ok := v.(string)
		if !ok && v != nil {
			text = fmt.Sprint(v)
		}
		if text == "" {
			continue
		}
		before := "?"
		if strings.Contains(req.Path, before) {
			before = "&"
		}
		req.Path += before + url.QueryEscape(t.name) + "=" + url.QueryEscape(text)
	}
	if op.body != nil {
		v, _, err := op.body.Eval(all)
		if err != nil {
			return found, false, fault.Wrap(fault.Invalid, err, "body of %s", name).From(c.t.Name())
		}
		if req.Body, err = json.Marshal(native(v)); err != nil {
			return found, false, fault.Wrap(fault.Invalid, err, "body of %s", name).From(c.t.Name())
		}
	}
	found.op = op
	for range maxPages {
		var list value
		var next string
		req.Decode = func(res *transport.Response) (err error) {
			exists = slices.Contains(op.Exists, res.Status)
			if !exists && !slices.Contains(op.OK, res.Status) {
				return refusal(res.Status)
			}
			if list, next, err = op.decode(res.Body); err != nil {
				return fault.Wrap(fault.BadResponse, err, "a reply to %s that cannot be read", name)
			}
			return nil
		}
		if _, err := c.t.Do(ctx, req); err != nil {
			return rows{}, exists, err
		}
		found.lists = append(found.lists, list)
		if next == "" {
			return found, exists, nil
		}
		req.Path = next
	}
	return rows{}, exists, fault.New(fault.BadResponse, "%s has more than %d pages", name, maxPages).From(c.t.Name())
}

// maxPages bounds a list that does not end.
const maxPages = 1000

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
		escape := url.PathEscape
		if strings.Contains(path[:i], "?") {
			escape = url.QueryEscape
		}
		path = path[:i] + escape(fmt.Sprint(at(vars, strings.Split(path[i+1:i+j], ".")))) + path[i+j+1:]
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

func join[K ~string](keys []K) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = string(k)
	}
	return strings.Join(parts, ",")
}
