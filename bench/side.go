package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

//go:embed side.yaml
var sideYAML string

// sidePart is a part of the page: what is asked of each order, and of each line.
type sidePart struct{ name, order, line string }

// sideParts are the parts of the page beside the orders themselves.
func sideParts() []sidePart {
	return []sidePart{
		{"account", "account(maxAge: 0) { number name terms }", ""},
		{"shipments", "shipments { carrier trackingNumber status shippedAt }", ""},
		{"item", "", "item(maxAge: 0) { sku name unit category }"},
		{"price", "", "price(maxAge: 0) { unitPrice { amount currency } list }"},
		{"availability", "", "availability(maxAge: 0) { sku available { value } nodes { node available { value } } }"},
	}
}

// sidePage is a page of these parts.
func sidePage(parts ...sidePart) string {
	var order, line strings.Builder
	for _, p := range parts {
		order.WriteString(p.order + " ")
		line.WriteString(p.line + " ")
	}
	return fmt.Sprintf(`query Page($after: Cursor) { orders(first: 20, after: $after, orderBy: {field: NUMBER, direction: ASC}) { nodes {
	id number status placedAt currency %slines { number sku quantity { value } %s} } } }`, order.String(), line.String())
}

// role is what this program is when it was started by itself.
const role = "CROSSDOCK_BENCH_ROLE"

// play is a role to its end. It tells where it answers in its first line.
func play(as string) error {
	count := map[string]int{"backends": 4, "floor": 1}[as]
	var addrs []string
	var listeners []net.Listener
	for range count {
		l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		listeners, addrs = append(listeners, l), append(addrs, "http://"+l.Addr().String())
	}
	fmt.Println(strings.Join(addrs, ","))
	if as == "backends" {
		return newBackends().serve(listeners)
	}
	return (&floor{bases: strings.Split(os.Getenv("BACKENDS"), ",")}).serve(listeners[0])
}

// spawn starts this program in a role, and returns where it answers.
func spawn(ctx context.Context, as string, env ...string) (*exec.Cmd, []string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, self) //nolint:gosec // ourselves
	cmd.Env = append(append(os.Environ(), role+"="+as), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	line := make([]byte, 0, 256)
	for b := make([]byte, 1); !bytes.HasSuffix(line, []byte("\n")); line = append(line, b[0]) {
		if _, err := out.Read(b); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", as, err)
		}
	}
	return cmd, strings.Split(strings.TrimSpace(string(line)), ","), nil
}

// peer is one who answers the page.
type peer struct {
	name  string
	pid   int
	url   string
	token string
	body  func(page int) []byte
	// mallocs is how often it has allocated so far.
	mallocs func(context.Context) (float64, error)
	// partial is one whose page is a part of it.
	partial bool
}

// sides is how the order page is measured side by side.
type sides struct {
	executor string
	known    time.Duration
	against  string
	parts    bool
	pairs    int
}

// side measures the order page over the same four back ends: by hand, and by Crossdock with a configuration.
func side(ctx context.Context, binary, dir string, how sides) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	back, systems, err := spawn(ctx, "backends")
	if err != nil {
		return err
	}
	hand, at, err := spawn(ctx, "floor", "BACKENDS="+strings.Join(systems, ","))
	if err != nil {
		return err
	}
	config := filepath.Join(dir, "side.yaml")
	filled := strings.NewReplacer("{eco}", systems[0], "{erp}", systems[1], "{wms}", systems[2], "{3pl}", systems[3], "{known}", how.known.String()).Replace(sideYAML)
	if err := os.WriteFile(config, []byte(filled+"\nexecutor: "+how.executor+"\n"), 0o600); err != nil {
		return err
	}
	defer func() {
		stop()
		_, _ = back.Wait(), hand.Wait()
	}()
	peers := []peer{{name: "by hand", pid: hand.Process.Pid, url: at[0] + "/graphql", body: func(page int) []byte {
		return fmt.Appendf(nil, `{"variables":{"after":"O%06d"}}`, page*perPage-1)
	}, mallocs: func(ctx context.Context) (float64, error) { return number(ctx, at[0]+"/mallocs") }}}
	pages := 0
	for i, build := range []string{binary, how.against} {
		if build == "" {
			continue
		}
		w, server, err := start(ctx, build, "dev", "--print=json", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, fmt.Sprint("data", i)), "--config", config, "--buyer", "C0000")
		if err != nil {
			return err
		}
		defer func() {
			_ = server.Process.Signal(os.Interrupt)
			_ = server.Wait()
		}()
		if err := w.loaded(ctx, soldOrders); err != nil {
			return err
		}
		cursors, err := w.cursors(ctx)
		if err != nil {
			return err
		}
		ask := func(name, query string, partial bool) peer {
			return peer{name: name, pid: server.Process.Pid, url: w.GraphQL, token: w.Tokens["service"], mallocs: w.mallocs, partial: partial, body: func(page int) []byte {
				raw, _ := json.Marshal(map[string]any{"query": query, "variables": map[string]any{"after": cursors[page]}})
				return raw
			}}
		}
		whole := sidePage(sideParts()...)
		if pages = len(cursors); i > 0 {
			peers = append(peers, ask("the other build", whole, false))
			continue
		}
		if peers = append(peers, ask("crossdock", whole, false)); how.parts {
			peers = append(peers, ask("orders alone", sidePage(), true))
			for _, part := range sideParts() {
				peers = append(peers, ask("orders, "+part.name, sidePage(part), true))
			}
		}
	}
	if err := agree(ctx, peers); err != nil {
		return err
	}
	// What a page shows for the first time is stored; what is measured are pages that have been shown before.
	for _, p := range peers {
		if err := p.visit(ctx, pages); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	fmt.Println("| source latency | clients | who | pages a second | p50 ms | p99 ms | CPU ms a page | of it the database | × by hand | source calls a page | allocations a page | peak RSS MB |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	cases := []struct {
		latency time.Duration
		clients int
	}{{0, 1}, {10 * time.Millisecond, 1}, {10 * time.Millisecond, 4}, {0, 32}}
	rounds, long := 3, 5*time.Second
	if how.parts || how.pairs > 0 {
		cases = cases[3:]
	}
	if how.pairs > 0 {
		rounds, long = how.pairs, 1500*time.Millisecond
	}
	for _, c := range cases {
		if _, err := number(ctx, systems[0]+"/latency?d="+c.latency.String()); err != nil && !errors.Is(err, strconv.ErrSyntax) {
			return err
		}
		got, err := compare(ctx, peers, systems[0]+"/calls", pages, c.latency, c.clients, rounds, long)
		if err != nil {
			return err
		}
		if how.pairs > 0 {
			inPairs(peers, got)
		}
	}
	return nil
}

// inPairs compares the CPU of a page round by round: what slows one of a round slows the others too.
func inPairs(peers []peer, got map[string][]sample) {
	fmt.Println("\n| CPU of a page, in rounds of their own | quarter | median | three quarters |\n|---|---|---|---|")
	for i, than := range peers {
		for _, p := range peers[i+1:] {
			q := quartiles(got[p.name], got[than.name])
			fmt.Printf("| %s × %s | %.2f | %.2f | %.2f |\n", p.name, than.name, q[0], q[1], q[2])
		}
	}
}

// sample is what one measurement showed.
type sample struct{ rate, p50, p99, cpu, database, calls, mallocs, rss float64 }

func compare(ctx context.Context, peers []peer, calls string, pages int, latency time.Duration, clients, rounds int, long time.Duration) (map[string][]sample, error) {
	got := map[string][]sample{}
	for round := range rounds {
		for _, p := range peers {
			if _, err := p.load(ctx, clients, long/5, pages, uint64(round)+100); err != nil { // warm
				return nil, err
			}
			if _, err := number(ctx, calls); err != nil {
				return nil, err
			}
			_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p.pid), []byte("5"), 0o600)
			before, err := p.mallocs(ctx)
			if err != nil {
				return nil, err
			}
			own, all := cpu(p.pid), cpuOf(tree(p.pid))
			took, err := p.load(ctx, clients, long, pages, uint64(round))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			n := float64(len(took))
			s := sample{rate: n / long.Seconds(), cpu: (cpuOf(tree(p.pid)) - all) / n, rss: peak(p.pid)}
			s.database = s.cpu - (cpu(p.pid)-own)/n
			made, err := number(ctx, calls)
			if err != nil {
				return nil, err
			}
			after, err := p.mallocs(ctx)
			if err != nil {
				return nil, err
			}
			s.mallocs = (after - before) / n
			slices.Sort(took)
			s.calls, s.p50, s.p99 = made/n, took[len(took)/2].Seconds()*1e3, took[len(took)*99/100].Seconds()*1e3
			got[p.name] = append(got[p.name], s)
		}
	}
	median := func(name string, of func(sample) float64) float64 {
		var list []float64
		for _, s := range got[name] {
			list = append(list, of(s))
		}
		slices.Sort(list)
		return list[len(list)/2]
	}
	base := median(peers[0].name, func(s sample) float64 { return s.cpu })
	for _, p := range peers {
		m := func(of func(sample) float64) float64 { return median(p.name, of) }
		used := m(func(s sample) float64 { return s.cpu })
		fmt.Printf("| %s | %d | %s | %.0f | %.1f | %.1f | %.2f | %.2f | %.2f | %.1f | %.0f | %.0f |\n", latency, clients, p.name, m(func(s sample) float64 { return s.rate }), m(func(s sample) float64 { return s.p50 }), m(func(s sample) float64 { return s.p99 }),
			used, m(func(s sample) float64 { return s.database }), used/base, m(func(s sample) float64 { return s.calls }), m(func(s sample) float64 { return s.mallocs }), m(func(s sample) float64 { return s.rss }))
	}
	return got, nil
}

// quartiles are those of how many times the CPU of others in the same rounds it was.
func quartiles(list, others []sample) (q [3]float64) {
	ratios := make([]float64, len(list))
	for i := range list {
		ratios[i] = list[i].cpu / others[i].cpu
	}
	slices.Sort(ratios)
	for i := range q {
		q[i] = ratios[len(ratios)*(i+1)/4]
	}
	return q
}

// load asks for random pages from so many clients at once, and returns how long each took.
func (p peer) load(ctx context.Context, clients int, long time.Duration, pages int, seed uint64) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*long)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	defer client.CloseIdleConnections()
	end := time.Now().Add(long)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(n)))
			for time.Now().Before(end) {
				begin := time.Now()
				_, err := p.page(ctx, client, 1+rng.IntN(pages-1))
				took := time.Since(begin)
				mu.Lock()
				all = append(all, took)
				failed = cmp.Or(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	return all, failed
}

// visit asks for each page once.
func (p peer) visit(ctx context.Context, pages int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for page := 1; page < pages; page++ {
		g.Go(func() error {
			_, err := p.page(ctx, http.DefaultClient, page)
			return err
		})
	}
	return g.Wait()
}

// page is what it answers, which is a whole page.
func (p peer) page(ctx context.Context, client *http.Client, page int) ([]byte, error) {
	raw, err := p.ask(ctx, client, page)
	if err == nil && (!p.partial && len(raw) < 20_000 || bytes.Contains(raw, []byte(`"errors"`))) {
		err = fmt.Errorf("not a page: %.300s", raw)
	}
	return raw, err
}

func (p peer) ask(ctx context.Context, client *http.Client, page int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.body(page)))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if p.token != "" {
		req.Header.Set("Authorization", "Bearer "+p.token)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	return io.ReadAll(res.Body)
}

// loaded waits until so many orders of the past are there.
func (w *world) loaded(ctx context.Context, orders int) error {
	for {
		var out struct{ Orders struct{ TotalCount int } }
		if err := w.ask(ctx, "service", `{ orders(first: 1) { totalCount } }`, nil, &out); err != nil || out.Orders.TotalCount >= orders {
			return err
		}
		time.Sleep(time.Second)
	}
}

// cursors are where each page of orders ends: the page after the nth is asked for with the nth.
func (w *world) cursors(ctx context.Context) ([]string, error) {
	out := []string{""}
	for {
		var page struct {
			Orders struct {
				Edges    []struct{ Cursor string }
				PageInfo struct{ HasNextPage bool }
			}
		}
		vars := map[string]any{"n": 5 * perPage}
		if last := out[len(out)-1]; last != "" {
			vars["after"] = last
		}
		if err := w.ask(ctx, "service", `query($n: Int!, $after: Cursor) { orders(first: $n, after: $after, orderBy: {field: NUMBER, direction: ASC}) { edges { cursor } pageInfo { hasNextPage } } }`, vars, &page); err != nil {
			return nil, err
		}
		for i := perPage - 1; i < len(page.Orders.Edges); i += perPage {
			out = append(out, page.Orders.Edges[i].Cursor)
		}
		if !page.Orders.PageInfo.HasNextPage {
			return out[:len(out)-1], nil
		}
	}
}

// agree fails unless all peers tell the same facts.
func agree(ctx context.Context, peers []peer) error {
	fact := regexp.MustCompile(`"(?:name|terms|sku|unitPrice|amount|trackingNumber|tracking|carrier|list|priceList|category)":"([^"]*)"`)
	for _, page := range []int{1, 7, 500, 900} {
		var first []string
		for i, p := range peers {
			if p.partial {
				continue
			}
			raw, err := p.page(ctx, http.DefaultClient, page)
			if err != nil {
				return err
			}
			var facts []string
			for _, m := range fact.FindAllSubmatch(raw, -1) {
				text := string(m[1])
				if n, err := strconv.ParseFloat(text, 64); err == nil {
					text = fmt.Sprint(n)
				}
				facts = append(facts, text)
			}
			slices.Sort(facts)
			facts = slices.Compact(facts)
			if i == 0 {
				first = facts
			} else if !reflect.DeepEqual(first, facts) {
				return fmt.Errorf("%s tells page %d otherwise than %s does: %d facts and %d: %.400s", p.name, page, peers[0].name, len(facts), len(first), raw)
			}
		}
	}
	return nil
}

func number(ctx context.Context, url string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(string(raw), 64)
}

// tree is a process with all below it.
func tree(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], id)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

func cpuOf(pids []int) (ms float64) {
	for _, pid := range pids {
		ms += cpu(pid)
	}
	return ms
}

// cpu is the time that a process has used, in milliseconds; the kernel counts in hundredths of a second.
func cpu(pid int) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) * 10
}

// peak is the most memory that a process had since it was last cleared, in MB.
func peak(pid int) float64 {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	kb, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.ParseFloat(kb, 64)
	return n / 1024
}
