package config_test

import (
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
