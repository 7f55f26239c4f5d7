// Command bench measures the order page and placeOrder against `crossdock dev`, over HTTP, with a
// durable database and the sandbox behind real sockets; with -config the order page against the systems of a
// configuration. See README.md beside it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const page = `query Page($n: Int!) { orders(first: $n) { nodes { number account(maxAge: 0) { name }
	lines { sku item(maxAge: 0) { name } price(maxAge: 0) { unitPrice { amount } } availability(maxAge: 0) { available { value } } }
	shipments { trackingNumber status } } } }`

const place = `mutation Place($i: PlaceOrderInput!) { placeOrder(input: $i) { decision order { number } errors { code } } }`

func main() {
	runs := flag.Int("runs", 200, "requests of each kind")
	at := flag.Int("concurrent", 4, "requests at once")
	config := flag.String("config", "", "a configuration of real products: measures the order page on them")
	limits := flag.Duration("limits", 0, "measures for so long, under every limit of the products, what users and buyers see; 10m")
	beside := flag.Bool("side", false, "measures the order page over four back ends beside a program that answers it by hand")
	executor := flag.String("executor", "breadth", "what executes the page of -side: breadth, or gqlgen")
	known := flag.Duration("known", 0, "how long the page of -side shows what was last known of sources that do not answer; 0 keeps nothing, as by hand")
	against := flag.String("against", "", "another build of crossdock, which -side measures too: small differences show only within one run")
	parts := flag.Bool("parts", false, "has -side measure, at 32 clients, what each part of the page costs beside the orders")
	pairs := flag.Int("pairs", 0, "has -side compare the CPU of a page at 32 clients in so many short rounds, each with by hand; 24")
	decide := flag.Bool("decide", false, "measures how long intake takes to decide, beside systems that take a while")
	durable := flag.Bool("durable", false, "measures how many orders a second intake stores, beside a program that stores the same rows by hand")
	slow := flag.Bool("slow", false, "measures what others see of a source that takes 30 s for each call")
	flag.Parse()
	if as := os.Getenv(role); as != "" {
		fmt.Fprintln(os.Stderr, play(as))
		return
	}
	if err := run(context.Background(), *runs, *at, *config, *limits, *slow, *beside, *decide, *durable, sides{*executor, *known, *against, *parts, *pairs}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type world struct {
	GraphQL string
	Tokens  map[string]string
	Sandbox string
}

func run(ctx context.Context, runs, at int, config string, limits time.Duration, slow, beside, decide, durable bool, how sides) error {
	dir, err := os.MkdirTemp("", "crossdock-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // the database's user must pass through
		return err
	}
	binary := filepath.Join(dir, "crossdock")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // our own binary, in our own folder
		return fmt.Errorf("build: %w: %s", err, out)
	}
	if beside {
		return side(ctx, binary, dir, how)
	}
	args := []string{"dev", "--print=json", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data")}
	switch {
	case limits > 0:
		args = append(args, "--size", "medium")
	case config == "":
		args = append(args, "--tick", "1h", "--size", "medium", "--unlimited")
	default:
		args = append(args, "--config", config, "--buyer", accounts()[0])
	}
	w, server, err := start(ctx, binary, args...)
	if err != nil {
		return err
	}
	defer func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	}()
	if config != "" {
		return w.real(ctx, runs)
	}
	if limits > 0 {
		return w.limited(ctx, limits)
	}
	// What is measured is Crossdock, not how long the vendors' limits would make it wait.
	for _, limit := range []string{"/admin/bc/limit?calls=0", "/admin/shipbob/limit?calls=0", "/admin/shipbob-south/limit?calls=0"} {
		if err := w.post(ctx, limit, ""); err != nil {
			return err
		}
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	if slow {
		return w.slowed(ctx, runs, at)
	}
	if decide {
		return w.decides(ctx)
	}
	if durable {
		return w.durably(ctx, dir, 2000, 16)
	}
	placeOne := func(ctx context.Context, n int) error {
		lines := []any{}
		for k := range 5 {
			lines = append(lines, map[string]any{"sku": fmt.Sprintf("SKU-%04d", 1000+10*((n+k)%40)+k%3), "quantity": map[string]any{"value": "1"}})
		}
		var out struct{ PlaceOrder struct{ Decision string } }
		err := w.ask(ctx, "service", place, map[string]any{"i": map[string]any{"idempotencyKey": fmt.Sprint("bench-", n), "accountId": fmt.Sprintf("C%05d", 10000+20*(n%15)), "lines": lines}}, &out)
		if err == nil && out.PlaceOrder.Decision == "" {
			err = errors.New("no decision")
		}
		return err
	}
	fmt.Println("| what | requests | at once | p50 ms | p99 ms | per second | source calls each |")
	fmt.Println("|---|---|---|---|---|---|---|")
	if err := w.measure(ctx, "placeOrder, 5 lines", runs, at, placeOne); err != nil {
		return err
	}
	for _, n := range []int{5, 20, 100} {
		err := w.measure(ctx, fmt.Sprintf("order page, %d orders, maxAge 0", n), runs, at, func(ctx context.Context, _ int) error {
			return w.ask(ctx, "service", page, map[string]any{"n": n}, &struct{}{})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// start starts Crossdock and waits until it answers.
func start(ctx context.Context, binary string, args ...string) (*world, *exec.Cmd, error) {
	server := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the binary just built
	server.Stderr = os.Stderr
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	stdout, err := server.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := server.Start(); err != nil {
		return nil, nil, err
	}
	var w world
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &w)
	}
	if err != nil {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
		return nil, nil, fmt.Errorf("crossdock dev: %w", err)
	}
	return &w, server, nil
}

// settle waits until the history that dev loads at its first start has been loaded.
func (w *world) settle(ctx context.Context) error {
	for last := -1; ; time.Sleep(time.Second) {
		var out struct{ Orders struct{ TotalCount int } }
		if err := w.ask(ctx, "service", `{ orders(first: 1) { totalCount } }`, nil, &out); err != nil {
			return err
		}
		if out.Orders.TotalCount == last {
			return nil
		}
		last = out.Orders.TotalCount
	}
}

// knobs sets knobs of the sandbox.
func (w *world) knobs(ctx context.Context, body string) error {
	return w.post(ctx, "/admin/knobs", body)
}

// post tells the sandbox something.
func (w *world) post(ctx context.Context, path, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.Sandbox+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	return nil
}

// measure runs fn and prints a row.
func (w *world) measure(ctx context.Context, what string, runs, at int, fn func(context.Context, int) error) error {
	if _, err := w.calls(ctx); err != nil {
		return err
	}
	start := time.Now()
	took, err := w.times(ctx, runs, at, fn)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	all := time.Since(start)
	calls, err := w.calls(ctx)
	if err != nil {
		return err
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("| %s | %d | %d | %.1f | %.1f | %.0f | %.1f |\n", what, runs, at, ms(took[runs/2]), ms(took[runs*99/100]), float64(runs)/all.Seconds(), float64(calls)/float64(runs))
	return nil
}

// times runs fn so often, so many at once, and returns how long each took.
func (w *world) times(ctx context.Context, runs, at int, fn func(context.Context, int) error) ([]time.Duration, error) {
	took := make([]time.Duration, runs)
	errs := make(chan error, runs)
	next := make(chan int)
	var wg sync.WaitGroup
	for range at {
		wg.Go(func() {
			for n := range next {
				begin := time.Now()
				errs <- fn(ctx, n)
				took[n] = time.Since(begin)
			}
		})
	}
	for n := range runs {
		next <- n
	}
	close(next)
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}

// calls is how many requests the sandbox got since it was last asked.
func (w *world) calls(ctx context.Context) (n int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.Sandbox+"/admin/calls?reset=1", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	by := map[string]int{}
	err = json.NewDecoder(res.Body).Decode(&by)
	for _, v := range by {
		n += v
	}
	return n, err
}

func (w *world) ask(ctx context.Context, who, query string, vars map[string]any, data any, extensions ...any) error {
	body, err := json.Marshal(map[string]any{"query": query, "variables": vars})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.GraphQL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+w.Tokens[who])
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var more any
	if len(extensions) > 0 {
		more = extensions[0]
	}
	out := struct {
		Data       any
		Errors     []struct{ Message string }
		Extensions any
	}{Data: data, Extensions: more}
	if err := json.Unmarshal(raw, &out); err != nil {
		return err
	}
	if len(out.Errors) > 0 {
		return errors.New(out.Errors[0].Message)
	}
	return nil
}
