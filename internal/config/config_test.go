package config_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"crossdock/internal/config"
)

func getenv(name string) string { return map[string]string{"KEY": "s3cret"}[name] }

const good = `
listen: 127.0.0.1:9
pollEvery: 2s
sources:
  - {name: erp, product: businesscentral, url: "http://h/bc", secret: "${KEY}"}
nodes:
  - {id: N1, source: erp, timeZone: America/Chicago}
`

func TestAGoodFileIsRead(t *testing.T) {
	t.Parallel()
	c, err := config.Parse(strings.NewReader(good), getenv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Sources[0].Secret != "s3cret" || time.Duration(c.PollEvery) != 2*time.Second || time.Duration(c.Intake.StockStale) != 15*time.Minute {
		t.Errorf("%+v", c)
	}
}

// TestMistakesNameLineKeyAndRemedy makes one mistake at a time.
func TestMistakesNameLineKeyAndRemedy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		old, new string
		says     []string
	}{
		"an unknown key":           {"listen:", "lisen:", []string{"line 2", `"lisen"`, "README"}},
		"an unknown key below":     {"product: businesscentral", "product: businesscentral, colour: red", []string{"line 5", `"colour"`}},
		"an unknown product":       {"businesscentral", "sap", []string{"line 5", `"sap"`, "businesscentral"}},
		"no such source":           {"source: erp", "source: wms", []string{"line 7", `"wms"`}},
		"a zone that is none":      {"America/Chicago", "Chicago", []string{"line 7", `"Chicago"`, "IANA"}},
		"a length without a unit":  {"2s", "2", []string{"line 3", `"2"`, "15s"}},
		"a secret that is not set": {"${KEY}", "${OTHER}", []string{"OTHER", "set it"}},
		"fewer places than none":   {"pollEvery: 2s", "queries: {concurrent: -1}", []string{"queries.concurrent", "-1", "0 for any"}},
		"no name":                  {"name: erp, ", "", []string{"line 5", "without a name"}},
	} {
		_, err := config.Parse(strings.NewReader(strings.Replace(good, c.old, c.new, 1)), getenv)
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		for _, say := range c.says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: %q does not say %q", name, err, say)
			}
		}
	}
}

// TestAllMistakesAreReportedAtOnce, wherever they are.
func TestAllMistakesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.Parse(strings.NewReader(`
foo: 1
pollEvery: soon
sources:
  - {name: erp, product: businesscentral, url: "http://h/bc", colour: red, timeout: long}
  - {name: shop, product: nope, url: "http://h/s", shade: blue}
nodes:
  - {id: N1, source: nobody}
`), getenv)
	if err == nil {
		t.Fatal("it is taken")
	}
	for _, say := range []string{`line 2: unknown key "foo"`, `line 3: "soon" is not a duration`, `line 5: unknown key "colour"`, `line 5: "long" is not a duration`, `line 6: unknown key "shade"`, `line 6: source shop: unknown product "nope"`, `line 8: node N1: there is no source "nobody"`} {
		if !strings.Contains(err.Error(), say) {
			t.Errorf("not reported: %s\n%v", say, err)
		}
	}
}

// TestLimits: what is left out of a client's is as for everybody, and what could never be paid is refused.
func TestLimits(t *testing.T) {
	t.Parallel()
	read := func(text string) (*config.Config, error) {
		return config.Parse(strings.NewReader(text), func(string) string { return "" })
	}
	c, err := read("limits: {points: 20000, perSecond: 100, clients: [{client: nightly, points: 90000}, {client: kiosk, operation: 500}]}")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Limits{Operation: 20000, Points: 20000, PerSecond: 100, Clients: []config.ClientLimits{
		{Client: "nightly", Operation: 20000, Points: 90000, PerSecond: 100}, {Client: "kiosk", Operation: 500, Points: 20000, PerSecond: 100},
	}}
	if !reflect.DeepEqual(c.Limits, want) {
		t.Errorf("got %+v, want %+v", c.Limits, want)
	}
	if c, err := read(""); err != nil || c.Limits.Operation != 50000 || c.Limits.Points != 0 {
		t.Errorf("without limits: %+v, %v", c.Limits, err)
	}
	for text, says := range map[string]string{
		"limits: {points: 100}":                                                   "limits: 100 points that never come back: set perSecond, such as 5",
		"limits: {perSecond: 10}":                                                 "limits: perSecond without points limits nothing: set points, such as 200",
		"limits: {points: -1}":                                                    "limits: nothing is less than zero",
		"limits: {operation: 200, points: 100, perSecond: 1}":                     "could never be paid from 100: set operation to 100 at most",
		"limits: {clients: [{points: 100}]}":                                      `limits.clients[0]: client ""`,
		"limits: {clients: [{client: a}, {client: a, operation: 1}]}":             `limits.clients[1]: client "a": name each application once`,
		"limits: {perSecond: 1, clients: [{client: a, operation: 9, points: 8}]}": "limits.clients[0]: an operation of 9 points could never be paid",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
