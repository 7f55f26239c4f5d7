// Package config reads Crossdock's one configuration file.
//
// The file is YAML, checked whole before anything starts: every error names the line, the key
// and what would be right. Secrets are not in it: a value such as ${WMS_KEY} is read from the
// environment, and ${file:/path} from a file.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// Config is everything that an installation can choose.
type Config struct {
	// Listen is the address of the HTTP server; 127.0.0.1:8080.
	Listen string `yaml:"listen"`
	// PublicURL is where other systems reach us, for webhooks; http://<listen> when empty.
	PublicURL string   `yaml:"publicUrl"`
	Database  Database `yaml:"database"`
	// Issuers are who may sign tokens.
	Issuers []Issuer `yaml:"issuers"`
	// Sources are the systems that we are connected to, exactly one of them an ERP.
	Sources []Source `yaml:"sources"`
	// Nodes are the places that fulfil.
	Nodes []Node `yaml:"nodes"`
	// Freshness is how old what somebody is shown may be.
	Freshness Freshness `yaml:"freshness"`
	// Intake is how old what orders are decided on may be.
	Intake Intake `yaml:"intake"`
	// Jobs bounds the work for other systems.
	Jobs Jobs `yaml:"jobs"`
	// Queries bounds what is read at once.
	Queries Queries `yaml:"queries"`
	// Tracing says where traces of what happens here go.
	Tracing Tracing `yaml:"tracing"`
	// Limits bounds what callers may ask for.
	Limits Limits `yaml:"limits"`
	// PollEvery is how often sources without webhooks are asked for news; 15s.
	PollEvery Duration `yaml:"pollEvery"`
	// Executor is what executes operations: breadth, level by level, or gqlgen's own, to compare; breadth.
	Executor string `yaml:"executor"`
}

// Database says where the record is kept.
type Database struct {
	// URL is a PostgreSQL connection string; DATABASE_URL when empty.
	URL string `yaml:"url"`
	// MaxConns bounds the connections of this process; 40.
	MaxConns int `yaml:"maxConns"`
}

// Issuer is who may sign tokens.
type Issuer struct {
	// Issuer and Audience are what a token's iss and aud must be.
	Issuer   string `yaml:"issuer"`
	Audience string `yaml:"audience"`
	// JWKS is the URL of the issuer's keys.
	JWKS string `yaml:"jwks"`
}

// Source is one configured connection to one system.
type Source struct {
	// Name is unique, and stands beside every fact that comes from there.
	Name string `yaml:"name"`
	// Product is which adapter speaks to it.
	Product string `yaml:"product"`
	// URL is the product's base URL.
	URL string `yaml:"url"`
	// Secret is the API key, token, password or client secret.
	Secret string `yaml:"secret"`
	// ClientID goes with a client secret (Business Central).
	ClientID string `yaml:"clientId"`
	// TokenURL is where tokens come from, and may be below url (Business Central).
	TokenURL string `yaml:"tokenUrl"`
	// Company is the id of the company (Business Central).
	Company string `yaml:"company"`
	// Currency is the company's own; USD (Business Central).
	Currency string `yaml:"currency"`
	// Channel is the channel that orders are placed in (ShipBob).
	Channel string `yaml:"channel"`
	// Header is the header that holds the secret (rest).
	Header string `yaml:"header"`
	// Account is whom a storefront's orders are for that name nobody.
	Account string `yaml:"account"`
	// Location is where a storefront keeps the stock that it is told of.
	Location string `yaml:"location"`
	// Buffer is how much of each item a storefront is not told of, so that there is enough for what it sells before it hears
	// that there is less.
	Buffer string `yaml:"buffer"`
	// Database is Tryton's.
	Database string `yaml:"database"`
	// User is who Tryton knows us as.
	User string `yaml:"user"`
	// Shop is the web shop of our orders in Tryton; Crossdock.
	Shop string `yaml:"shop"`
	// Timeout is the policy's, for those who change nothing else of it.
	Timeout Duration `yaml:"timeout"`
	// Policy bounds how the source is called.
	Policy Policy `yaml:"policy"`
	// Shadow keeps back everything that would change something at the source: it is read, and what would have been
	// written is kept to be looked at.
	Shadow bool `yaml:"shadow"`
	// WebhookSecret signs what the system sends us.
	WebhookSecret string `yaml:"webhookSecret"`
	// RegisterWebhooks asks the system to send us what happens.
	RegisterWebhooks bool `yaml:"registerWebhooks"`
	// Webhook says how deliveries are signed (rest).
	Webhook Webhook `yaml:"webhook"`
	// Operations say how each question is asked and read (rest).
	Operations yaml.Node `yaml:"operations"`
	Line       int       `yaml:"-"`
	mistakes   []string
}

// Policy bounds how a source is called; what is left out is as its adapter has it.
type Policy struct {
	// Timeout bounds one try; 10s.
	Timeout Duration `yaml:"timeout"`
	// Concurrent bounds the calls under way; 16.
	Concurrent int `yaml:"concurrent"`
	// Retries is how often a read that failed is repeated; 0 is never.
	Retries *int `yaml:"retries"`
	// BreakAfter is how many failures in a row leave the source alone for a while; 10.
	BreakAfter int `yaml:"breakAfter"`
	// BreakFor is how long; 2s.
	BreakFor Duration `yaml:"breakFor"`
	// Rate is how many calls there may be in any span of a time.
	Rate struct {
		Calls int      `yaml:"calls"`
		Per   Duration `yaml:"per"`
	} `yaml:"rate"`
	// Operations have a timeout and retries of their own, by the name that extensions.sources shows.
	Operations map[string]struct {
		Timeout Duration `yaml:"timeout"`
		Retries *int     `yaml:"retries"`
	} `yaml:"operations"`
}

// Webhook says how a product without a package of its own signs its deliveries; see sources/rest.
type Webhook struct {
	// Signature, Delivery and Topic are headers.
	Signature string `yaml:"signature"`
	Delivery  string `yaml:"delivery"`
	Topic     string `yaml:"topic"`
	// Number is the field of the body that holds our number.
	Number string `yaml:"number"`
}

// Node is a place that fulfils.
type Node struct {
	ID   string `yaml:"id"`
	Name string `yaml:"name"`
	// Kind is such as WAREHOUSE or THIRD_PARTY.
	Kind string `yaml:"kind"`
	// Source is the name of the source that the place belongs to.
	Source string `yaml:"source"`
	// Location is what the source calls the place.
	Location string `yaml:"location"`
	// Priority is the order in which places are promised from, the lowest first.
	Priority int `yaml:"priority"`
	// TimeZone is an IANA name such as America/Chicago.
	TimeZone string `yaml:"timeZone"`
	// Safety is how much of each item is never promised.
	Safety string `yaml:"safety"`
	// Lag is how long it may take until what happens at the place shows in the stock that it tells; 0s. A place that
	// makes its figures once a minute has 1m.
	Lag Duration `yaml:"lag"`
	// Calendar is when the place sends.
	Calendar Calendar `yaml:"calendar"`
	// Near are the countries, or countries and regions such as US-NY, that the place is near to.
	Near []string `yaml:"near"`
	// Cost is what sending an order from there costs beside what every place costs.
	Cost string `yaml:"cost"`
	// Refuses are categories of items that the place does not handle.
	Refuses []string `yaml:"refuses"`
	// Services are how the place can send, by the names that orders ask for.
	Services []CarrierService `yaml:"services"`
	Line     int              `yaml:"-"`
	mistakes []string
}

// CarrierService is a way in which a place can send.
type CarrierService struct {
	// Name is what orders ask for, such as EXPRESS.
	Name string `yaml:"name"`
	// Code is what the place's system calls it; the name.
	Code string `yaml:"code"`
	// Refuses are categories of items that are not sent so.
	Refuses []string `yaml:"refuses"`
}

// Calendar is when a place sends.
type Calendar struct {
	// CutOff is until when an order leaves on the day that it came, as 15:04 in the place's time zone.
	CutOff string `yaml:"cutOff"`
	// Closed are weekdays such as SAT, and days such as 2026-12-25.
	Closed []string `yaml:"closed"`
	// PerDay is how many orders the place sends a day; 0 for any number.
	PerDay int `yaml:"perDay"`
}

// Freshness is how old what somebody is shown may be who does not say, by what it is.
type Freshness struct {
	Accounts Age `yaml:"accounts"`
	Items    Age `yaml:"items"`
	Prices   Age `yaml:"prices"`
	Stock    Age `yaml:"stock"`
	Credit   Age `yaml:"credit"`
}

// Age is up to when a value is shown as it is, 0s for never, and how much longer while its source is asked again
// behind the answer. LastKnown is up to when it is shown while its source does not answer, 0s for never.
type Age struct {
	MaxAge               *Duration `yaml:"maxAge"`
	StaleWhileRevalidate *Duration `yaml:"staleWhileRevalidate"`
	LastKnown            *Duration `yaml:"lastKnown"`
}

// lastKnown is up to when what was last known is shown where nothing else is said: 30 days.
const lastKnown = 30 * 24 * time.Hour

// or fills in what is left out.
func (a *Age) or(maxAge, stale time.Duration) {
	if a.MaxAge == nil {
		a.MaxAge = (*Duration)(&maxAge)
	}
	if a.StaleWhileRevalidate == nil {
		a.StaleWhileRevalidate = (*Duration)(&stale)
	}
	if a.LastKnown == nil {
		known := Duration(lastKnown)
		a.LastKnown = &known
	}
}

// Queries bounds what is read at once.
type Queries struct {
	// Concurrent is how many queries execute at once, while the others wait their turn; 0 for any number.
	Concurrent int `yaml:"concurrent"`
}

// Tracing says where traces go, as OTLP over HTTP.
type Tracing struct {
	// Endpoint is the base URL of a collector, such as http://localhost:4318; OTEL_EXPORTER_OTLP_ENDPOINT when empty, and without that there
	// are no traces.
	Endpoint string `yaml:"endpoint"`
	// Sample is which share of the traces that begin here is followed; 1, all of them.
	Sample *float64 `yaml:"sample"`
}

// Intake bounds the age of what orders are decided on.
type Intake struct {
	// MaxAge is how old facts at hand may be to decide on without asking for them; 15s, and 0s asks every time.
	MaxAge *Duration `yaml:"maxAge"`
	// StockStale and CreditStale are how old a figure may be while its source does not answer; 15m.
	StockStale  Duration `yaml:"stockStale"`
	CreditStale Duration `yaml:"creditStale"`
}

// Jobs bounds the work for other systems.
type Jobs struct {
	// Workers are how many run at once; 16.
	Workers int `yaml:"workers"`
	// Attempts are how often one is tried before a person must look; 100.
	Attempts int `yaml:"attempts"`
	// Base is the pause after the first failure, which doubles up to Cap; 500ms.
	Base Duration `yaml:"base"`
	// Cap is the longest pause; 15m.
	Cap Duration `yaml:"cap"`
	// Lease is how long one attempt holds its job; 30s.
	Lease Duration `yaml:"lease"`
}

// Duration is written as in 250ms, 15s or 10m.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		// Mistakes of this type are collected, all others end the reading.
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a duration: write one such as 250ms, 15s or 10m", n.Line, n.Value)}}
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML keeps the line of each source.
func (s *Source) UnmarshalYAML(n *yaml.Node) error {
	type plain Source
	err := decodeNode(n, (*plain)(s))
	s.Line = n.Line
	s.mistakes, err = collect(err)
	return err
}

// UnmarshalYAML keeps the line of each node.
func (v *Node) UnmarshalYAML(n *yaml.Node) error {
	type plain Node
	err := decodeNode(n, (*plain)(v))
	v.Line = n.Line
	v.mistakes, err = collect(err)
	return err
}

// collect keeps mistakes for check, so that what could be read is checked too.
func collect(err error) ([]string, error) {
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		return several.Errors, nil
	}
	return nil, err
}

// decodeNode decodes strictly: yaml.v3 forgets KnownFields inside custom unmarshallers.
func decodeNode(n *yaml.Node, into any) error {
	raw, err := yaml.Marshal(n)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil {
		return shift(err, n.Line-1)
	}
	return nil
}

var lineOf = regexp.MustCompile(`line (\d+)`)

// shift moves the line numbers of an error about a part of the file to those of the file.
func shift(err error, by int) error {
	mistakes := []string{err.Error()}
	if several, ok := errors.AsType[*yaml.TypeError](err); ok {
		mistakes = several.Errors
	}
	out := &yaml.TypeError{}
	for _, m := range mistakes {
		out.Errors = append(out.Errors, lineOf.ReplaceAllStringFunc(m, func(s string) string {
			var n int
			_, _ = fmt.Sscanf(s, "line %d", &n)
			return fmt.Sprintf("line %d", n+by)
		}))
	}
	return out
}

// Executors are what can execute operations.
func Executors() []string { return []string{"breadth", "gqlgen"} }

// Products that a source can be.
func Products() []string {
	return []string{"businesscentral", "shopify", "rest", "shipbob", "tryton", "tryton-wms", "vendure"}
}

// Read reads and checks a file. getenv resolves references to the environment.
func Read(path string, getenv func(string) string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer func() { _ = f.Close() }()
	c, err := Parse(f, getenv)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// maxFile bounds the configuration file.
const maxFile = 4 << 20

// Parse reads and checks a configuration.
func Parse(r io.Reader, getenv func(string) string) (*Config, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile))
	if err != nil {
		return nil, err
	}
	var problems []error
	raw = reference.ReplaceAllFunc(raw, func(m []byte) []byte {
		v, err := resolve(string(m[2:len(m)-1]), getenv)
		if err != nil {
			problems = append(problems, err)
		}
		return []byte(v)
	})
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	c := &Config{}
	if err := dec.Decode(c); err != nil && !errors.Is(err, io.EOF) {
		several, ok := errors.AsType[*yaml.TypeError](err)
		if !ok {
			return nil, errors.Join(append(problems, err)...)
		}
		// What could be read was: the rest is checked too.
		for _, m := range several.Errors {
			problems = append(problems, explain(m))
		}
	}
	c.defaults()
	problems = append(problems, c.check()...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return c, nil
}

var reference = regexp.MustCompile(`\$\{[^}\n]+\}`)

func resolve(name string, getenv func(string) string) (string, error) {
	if path, ok := strings.CutPrefix(name, "file:"); ok {
		raw, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("${%s}: %w", name, err)
		}
		return strings.TrimSpace(string(raw)), nil
	}
	v := getenv(name)
	if v == "" {
		return "", fmt.Errorf("${%s}: the environment has no %s; set it, or use ${file:/path}", name, name)
	}
	return v, nil
}

var unknownField = regexp.MustCompile(`line (\d+): field (\S+) not found in type (\S+)`)

// explain says where an unknown key's names are listed.
func explain(mistake string) error {
	return errors.New(unknownField.ReplaceAllString(mistake, "line $1: unknown key \"$2\": see the table of keys in README.md"))
}

func (c *Config) defaults() {
	set := func(d *Duration, v time.Duration) {
		if *d == 0 {
			*d = Duration(v)
		}
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Executor == "" {
		c.Executor = "breadth"
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://" + c.Listen
	}
	if c.Database.MaxConns == 0 {
		c.Database.MaxConns = 40
	}
	c.Limits.defaults()
	if c.Tracing.Sample == nil {
		c.Tracing.Sample = new(1.0)
	}
	f := &c.Freshness
	f.Accounts.or(time.Minute, time.Hour)
	f.Items.or(time.Minute, time.Hour)
	f.Prices.or(time.Minute, 10*time.Minute)
	f.Stock.or(20*time.Second, 30*time.Second)
	f.Credit.or(30*time.Second, 30*time.Second)
	if c.Intake.MaxAge == nil {
		c.Intake.MaxAge = new(Duration)
		*c.Intake.MaxAge = Duration(15 * time.Second)
	}
	set(&c.Intake.StockStale, 15*time.Minute)
	set(&c.Intake.CreditStale, 15*time.Minute)
	set(&c.PollEvery, 15*time.Second)
	if c.Jobs.Workers == 0 {
		c.Jobs.Workers = 16
	}
	if c.Jobs.Attempts == 0 {
		c.Jobs.Attempts = 100
	}
	set(&c.Jobs.Base, 500*time.Millisecond)
	set(&c.Jobs.Cap, 15*time.Minute)
	set(&c.Jobs.Lease, 30*time.Second)
}

// isERP reports whether the source registers orders.
func (s Source) isERP() bool {
	if s.Product != "rest" {
		return s.Product == "businesscentral" || s.Product == "tryton"
	}
	for i := 0; i+1 < len(s.Operations.Content); i += 2 {
		if s.Operations.Content[i].Value == "register" {
			return true
		}
	}
	return false
}

func (c *Config) check() []error {
	var out []error
	fail := func(line int, format string, args ...any) {
		out = append(out, fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...)))
	}
	if !slices.Contains(Executors(), c.Executor) {
		out = append(out, fmt.Errorf("executor: unknown executor %q: use one of %s", c.Executor, strings.Join(Executors(), ", ")))
	}
	if c.Queries.Concurrent < 0 {
		out = append(out, fmt.Errorf("queries.concurrent: %d queries at once: use 0 for any number", c.Queries.Concurrent))
	}
	out = append(out, c.Limits.check()...)
	if s := *c.Tracing.Sample; !(s >= 0 && s <= 1) {
		out = append(out, fmt.Errorf("tracing.sample: %v is no share: use one from 0 to 1, such as 0.1", s))
	}
	names := map[string]bool{}
	erps := 0
	for _, s := range c.Sources {
		for _, m := range s.mistakes {
			out = append(out, explain(m))
		}
		switch {
		case s.Name == "":
			fail(s.Line, "a source without a name: give it one, such as erp")
		case names[s.Name]:
			fail(s.Line, "two sources are called %q: give each its own name", s.Name)
		}
		names[s.Name] = true
		if !slices.Contains(Products(), s.Product) {
			fail(s.Line, "source %s: unknown product %q: use one of %s", s.Name, s.Product, strings.Join(Products(), ", "))
		}
		if s.isERP() {
			erps++
		}
		if r := s.Policy.Rate; (r.Calls > 0) != (r.Per > 0) || r.Calls < 0 || s.Policy.Concurrent < 0 || s.Policy.BreakAfter < 0 {
			fail(s.Line, "source %s: policy: rate needs both calls and per, such as {calls: 150, per: 1m}, and nothing is less than zero", s.Name)
		}
		if s.URL == "" {
			fail(s.Line, "source %s: url is empty: give the product's base URL", s.Name)
		}
	}
	if len(c.Sources) > 0 && erps != 1 {
		out = append(out, fmt.Errorf("there are %d sources that can be the ERP (businesscentral, tryton, or rest with the operation register): exactly one is needed", erps))
	}
	ids := map[string]bool{}
	for _, n := range c.Nodes {
		for _, m := range n.mistakes {
			out = append(out, explain(m))
		}
		if n.ID == "" || ids[n.ID] {
			fail(n.Line, "node %q: every node needs an id of its own", n.ID)
		}
		ids[n.ID] = true
		if !names[n.Source] {
			fail(n.Line, "node %s: there is no source %q", n.ID, n.Source)
		}
		if n.TimeZone != "" {
			if _, err := time.LoadLocation(n.TimeZone); err != nil {
				fail(n.Line, "node %s: %q is not a time zone: use an IANA name such as America/Chicago", n.ID, n.TimeZone)
			}
		}
	}
	for _, i := range c.Issuers {
		if i.Issuer == "" || i.Audience == "" || i.JWKS == "" {
			out = append(out, fmt.Errorf("issuer %q: issuer, audience and jwks are all required", i.Issuer))
		}
	}
	return out
}
