package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"crossdock/internal/auth"
	"crossdock/internal/config"
	"crossdock/internal/postgres/pgtest"
	"crossdock/sandbox"
)

// TestAReloadDropsNothing reads the configuration again and again while pages are asked for, orders are placed and
// carried out, and a stream is listened to: nothing fails, and each reading is what is served from then on. A file
// that is no good changes nothing.
func TestAReloadDropsNothing(t *testing.T) {
	t.Parallel()
	box, said, _ := newSandbox(t, sandbox.Seeded(1, sandbox.Size{Customers: 30, Items: 60}))
	issuer, err := auth.OpenDev(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	signs, err := issuer.Issuer()
	if err != nil {
		t.Fatal(err)
	}
	var file atomic.Value
	file.Store(said.config("127.0.0.1:0"))
	read := func() (reading, error) {
		cfg, err := config.Parse(strings.NewReader(file.Load().(string)), os.Getenv)
		if err != nil {
			return reading{}, err
		}
		cfg.PollEvery = config.Duration(100 * time.Millisecond)
		return reading{cfg, []auth.Issuer{signs}}, nil
	}
	first, err := read()
	if err != nil {
		t.Fatal(err)
	}
	first.cfg.Database.URL = pgtest.URL(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hup, ready := make(chan os.Signal), make(chan struct{})
	var logged logLines
	s := &shell{getenv: os.Getenv, out: testWriter{t}, log: slog.New(slog.NewTextHandler(&logged, nil))}
	w := &world{t: t, box: box}
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- s.serve(ctx, l, first, reloads{read, hup}, func(*app) error { close(ready); return nil })
	}()
	t.Cleanup(func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-ready
	g := &graph{world: w, url: "http://" + l.Addr().String() + "/graphql", tokens: map[string]string{}}
	for who, grant := range auth.DevGrants("C10001") {
		if g.tokens[who], err = issuer.Token(grant); err != nil {
			t.Fatal(err)
		}
	}
	nodes := func() int {
		got := g.query("buyer", `{ availability(skus: ["SKU-1000"]) { nodes { node } unavailable { node } } }`, nil)
		if len(got.Errors) > 0 {
			t.Errorf("a page fails: %v", got.Errors)
			return 0
		}
		return strings.Count(fmt.Sprint(got.Data), "node:")
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var placed atomic.Int64
	until := func(fn func(n int)) {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					fn(n)
				}
			}
		})
	}
	until(func(int) { nodes() })
	until(func(n int) {
		got := g.query("service", `mutation($i: PlaceOrderInput!) { placeOrder(input: $i) { decision } }`, map[string]any{"i": map[string]any{"idempotencyKey": fmt.Sprint("r", n), "accountId": "C10001", "lines": []any{map[string]any{"sku": "SKU-1000", "quantity": map[string]any{"value": "1"}}}}})
		if len(got.Errors) > 0 {
			t.Errorf("an order fails: %v", got.Errors)
		}
		placed.Add(1)
	})
	released := map[string]bool{}
	enough := func() int { return int(placed.Load()) }
	all, streamed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(streamed)
		g.listen("buyer", `subscription { fulfillmentEvents(after: "p0") { type orderId } }`, func(line string) bool {
			if _, number, ok := strings.Cut(line, `"orderId":"`); ok && strings.Contains(line, "fulfillment.released") {
				released[number[:strings.Index(number, `"`)]] = true
			}
			select {
			case <-all:
				return len(released) >= enough()
			default:
				return false
			}
		})
	}()
	whole := file.Load().(string) + "\nlimits: {points: 1000000, perSecond: 1}\n"
	left := func() int {
		if s := g.query("approver", `{ viewer { name } }`, nil).Extensions.Cost.ThrottleStatus; s != nil {
			return s.CurrentlyAvailable
		}
		return 0
	}
	less := strings.Replace(whole, "  - {id: DC-WEST", "  # - {id: DC-WEST", 1)
	for n := range 6 {
		text, want := less, 3
		if n%2 == 1 {
			text, want = whole, 4
		}
		file.Store(text)
		hup <- syscall.SIGHUP
		w.until(fmt.Sprintf("%d nodes are shown", want), func() bool { return nodes() == want })
		if points := left(); points < 999_900 || points > 1_000_000 {
			t.Errorf("after %d readings and as many points spent, %d are left", n+1, points)
		}
	}
	file.Store("listen: {broken")
	hup <- syscall.SIGHUP
	hup <- syscall.SIGHUP // taken once the first has been dealt with
	if n := nodes(); n != 4 {
		t.Errorf("after a file that is no good %d nodes are shown", n)
	}
	if !logged.has("the configuration stays as it was") {
		t.Error("nobody is told of a file that is no good")
	}
	before := placed.Load()
	w.until("orders go on", func() bool { return placed.Load() > before+5 })
	close(stop)
	wg.Wait()
	close(all)
	w.until("every order has been carried out, and the stream has told of each", func() bool {
		w.step()
		select {
		case <-streamed:
			return true
		default:
			return false
		}
	})
	if len(released) != enough() {
		t.Errorf("of %d orders the stream told %d", enough(), len(released))
	}
}

// logLines are what was logged.
type logLines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *logLines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.all.String(), text)
}
