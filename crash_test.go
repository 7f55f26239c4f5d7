package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"crossdock/internal/auth"
	"crossdock/internal/config"
	"crossdock/internal/postgres"
	"crossdock/internal/postgres/pgtest"
	"crossdock/sandbox"
)

const (
	crashPlacements = 200
	crashSeed       = 20261123
)

// crashChild is Crossdock as a process that ends itself with SIGKILL at the n-th passage of one
// of its points. It is this test binary, started again with these variables.
func crashChild() {
	at, _ := strconv.Atoi(os.Getenv("CROSSDOCK_TEST_CRASH_AFTER"))
	point := os.Getenv("CROSSDOCK_TEST_CRASH_POINT")
	var passed atomic.Int64
	ctx := context.Background()
	cfg, err := config.Parse(strings.NewReader(os.Getenv("CROSSDOCK_TEST_CONFIG")), os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	cfg.Database.URL = os.Getenv("CROSSDOCK_TEST_DATABASE")
	cfg.PollEvery = config.Duration(200 * time.Millisecond)
	cfg.Jobs.Base, cfg.Jobs.Cap, cfg.Jobs.Lease = config.Duration(20*time.Millisecond), config.Duration(time.Second), config.Duration(time.Second)
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	s := &shell{ctx: ctx, getenv: os.Getenv, out: os.Stdout, log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
	s.passing = func(p string) {
		if p == point && passed.Add(1) == int64(at) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	keys := []auth.Issuer{{Issuer: auth.DevIssuer, Audience: auth.DevAudience, Keys: json.RawMessage(os.Getenv("CROSSDOCK_TEST_KEYS"))}}
	err = s.serve(ctx, l, reading{cfg, keys}, reloads{}, func(*app) error {
		fmt.Println(l.Addr())
		return nil
	})
	fmt.Fprintln(os.Stderr, err)
}

// runner keeps a crashing Crossdock running and tells where it answers now.
type runner struct {
	t    *testing.T
	env  []string
	mu   sync.Mutex
	addr string
	cmd  *exec.Cmd
	stop bool
	dead atomic.Int64
	done chan struct{}
}

func (r *runner) run(rng *rand.Rand, crashes int) {
	defer close(r.done)
	points := []string{"committed", "claimed", "acted", "sequenced"}
	for n := 0; ; n++ {
		after := 0
		if n < crashes {
			after = 5 + rng.IntN(30)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(append(os.Environ(), r.env...), "CROSSDOCK_TEST_CHILD=1", fmt.Sprintf("CROSSDOCK_TEST_CRASH_AFTER=%d", after), "CROSSDOCK_TEST_CRASH_POINT="+points[n%len(points)])
		cmd.Stderr = testWriter{r.t}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			r.t.Error(err)
			return
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		r.mu.Lock()
		r.addr, r.cmd = strings.TrimSpace(line), cmd
		stopped := r.stop
		r.mu.Unlock()
		if stopped {
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
		r.mu.Lock()
		r.addr = ""
		stopped = r.stop
		r.mu.Unlock()
		if stopped {
			return
		}
		r.dead.Add(1)
	}
}

func (r *runner) end() {
	r.mu.Lock()
	r.stop = true
	if r.cmd != nil {
		_ = r.cmd.Process.Kill()
	}
	r.mu.Unlock()
	<-r.done
}

func (r *runner) where() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// TestNothingAcceptedIsLostOrDoneTwice places orders while Crossdock is killed again and again
// and the sources lose replies after their effect.
func TestNothingAcceptedIsLostOrDoneTwice(t *testing.T) {
	t.Parallel()
	world, err := sandbox.Open(t.TempDir(), sandbox.Seeded(3, sandbox.Size{Customers: 20, Items: 60}), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = world.Close() })
	box := httptest.NewUnstartedServer(sandbox.New(world, sandbox.DefaultSecrets(), 0, slog.New(slog.DiscardHandler)))
	box.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	box.Start()
	t.Cleanup(box.Close)
	w := &adminClient{t: t, url: box.URL}
	issuer, err := auth.OpenDev(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	signs, err := issuer.Issuer()
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Token(auth.Grant{Subject: "crash", Accounts: []string{"*"}, Scope: "orders", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.URL(t)
	r := &runner{t: t, done: make(chan struct{}), env: []string{
		"CROSSDOCK_TEST_CONFIG=" + tell(world, box.URL).config("127.0.0.1:0"), "CROSSDOCK_TEST_DATABASE=" + url, "CROSSDOCK_TEST_KEYS=" + string(signs.Keys),
	}}
	w.post("/admin/knobs", `{"chances":{"lost:bc":0.1,"lost:wms":0.1,"lost:shipbob":0.1,"lost:shipbob-south":0.1,"lost:shopify":0.1}}`)
	rng := rand.New(rand.NewPCG(crashSeed, 1))
	go r.run(rng, 16)
	stepping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		w.steps(stepping)
	}()
	answers := placeAll(t, r, token)
	w.post("/admin/knobs", `{"chances":{"lost:bc":0,"lost:wms":0,"lost:shipbob":0,"lost:shipbob-south":0,"lost:shopify":0}}`)
	pool, err := postgres.Open(t.Context(), url, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	settle(t, pool, answers)
	close(stepping)
	<-stopped
	r.end()
	judge(t, pool, w.truth(), answers)
	if r.dead.Load() < 5 {
		t.Errorf("Crossdock died only %d times: the test shows little", r.dead.Load())
	}
}

type placement struct{ number, decision string }

// placeAll places the orders from a few clients at once, each repeating its key until it is
// answered.
func placeAll(t *testing.T, r *runner, token string) map[string]placement {
	t.Helper()
	var mu sync.Mutex
	out := map[string]placement{}
	keys := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := range keys {
				key := fmt.Sprintf("crash-%d", n)
				p, err := placeOne(t.Context(), r, token, key, n)
				if err != nil {
					t.Errorf("%s: %v", key, err)
					continue
				}
				mu.Lock()
				out[key] = p
				mu.Unlock()
			}
		})
	}
	for n := range crashPlacements {
		keys <- n
	}
	close(keys)
	wg.Wait()
	return out
}

func placeOne(ctx context.Context, r *runner, token, key string, n int) (placement, error) {
	body, err := json.Marshal(map[string]any{
		"query": `mutation($i: PlaceOrderInput!) { placeOrder(input: $i) { decision order { number } errors { code } } }`,
		"variables": map[string]any{"i": map[string]any{"idempotencyKey": key, "accountId": fmt.Sprintf("C%05d", 10000+n%15), "lines": []any{
			map[string]any{"sku": fmt.Sprintf("SKU-%04d", 1000+n%2), "quantity": map[string]any{"value": "1"}},
			map[string]any{"sku": fmt.Sprintf("SKU-%04d", 1010+n%3), "quantity": map[string]any{"value": "2"}},
		}}},
	})
	if err != nil {
		return placement{}, err
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		p, err := try(ctx, r.where(), token, body)
		if err == nil {
			return p, nil
		}
		if errors.Is(err, errGone) {
			// An earlier run ended without an answer and without an order: this key is spent.
			return placement{}, nil
		}
		select {
		case <-ctx.Done():
			return placement{}, ctx.Err()
		case <-time.After(30 * time.Millisecond):
		}
	}
	return placement{}, errors.New("never answered")
}

var errGone = errors.New("the key is spent")

func try(ctx context.Context, addr, token string, body []byte) (placement, error) {
	if addr == "" {
		return placement{}, errors.New("down")
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/graphql", bytes.NewReader(body))
	if err != nil {
		return placement{}, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return placement{}, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return placement{}, err
	}
	var out struct {
		Data struct {
			PlaceOrder *struct {
				Decision string
				Order    *struct{ Number string }
				Errors   []struct{ Code string }
			}
		}
	}
	if err := json.Unmarshal(raw, &out); err != nil || out.Data.PlaceOrder == nil {
		return placement{}, fmt.Errorf("answer %s", raw)
	}
	p := out.Data.PlaceOrder
	if p.Order == nil {
		if len(p.Errors) > 0 && p.Errors[0].Code == "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED" {
			return placement{}, errGone
		}
		return placement{}, fmt.Errorf("answer %s", raw)
	}
	return placement{p.Order.Number, p.Decision}, nil
}

// settle waits until every accepted order is delivered and invoiced and no work is left to do.
func settle(t *testing.T, pool *postgres.Pool, answers map[string]placement) {
	t.Helper()
	var accepted []string
	for _, p := range answers {
		if strings.HasPrefix(p.decision, "ACCEPTED") {
			accepted = append(accepted, p.number)
		}
	}
	for deadline := time.Now().Add(3 * time.Minute); ; {
		var waiting, open int
		if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM effects WHERE state = 'WAITING'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		err := pool.QueryRow(t.Context(), `
			SELECT count(*) FROM orders WHERE number = ANY($1) AND EXISTS (
				SELECT FROM json_array_elements(doc->'lines') l WHERE coalesce((l->>'delivered')::numeric, 0) < (l->'quantity'->>'value')::numeric
				OR coalesce((l->>'invoiced')::numeric, 0) < (l->'quantity'->>'value')::numeric)`, accepted).Scan(&open)
		if err != nil {
			t.Fatal(err)
		}
		if waiting+open == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d effects are still waiting and %d orders are not delivered and invoiced", waiting, open)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// judge compares what clients were told with what the systems really have.
func judge(t *testing.T, pool *postgres.Pool, truth truth, answers map[string]placement) {
	t.Helper()
	accepted := 0
	for key, p := range answers {
		if !strings.HasPrefix(p.decision, "ACCEPTED") {
			continue
		}
		accepted++
		if n := truth.ERPOrders[p.number]; n != 1 {
			t.Errorf("%s: order %s was accepted and the ERP has it %d times", key, p.number, n)
		}
	}
	if accepted < crashPlacements/2 {
		t.Errorf("only %d of %d orders were accepted: the test shows little", accepted, crashPlacements)
	}
	for number, n := range truth.ERPOrders {
		if n > 1 {
			t.Errorf("the ERP has order %s %d times", number, n)
		}
	}
	for number, n := range truth.Works {
		if n > 1 {
			t.Errorf("a node has work %s %d times", number, n)
		}
	}
	planned := judgeWorks(t, pool, truth)
	for key, p := range answers {
		if !strings.HasPrefix(p.decision, "ACCEPTED") {
			continue
		}
		// What its nodes were asked for and what the ERP invoiced is what was ordered, no more and no less.
		var works, invoiced, ordered string
		err := pool.QueryRow(t.Context(), `
			SELECT coalesce((SELECT string_agg(q, ' ' ORDER BY q) FROM (
			           SELECT (part->>'line') || ':' || sum((part->>'quantity')::numeric) AS q FROM fulfillment_orders w, jsonb_array_elements(w.doc->'parts') part
			           WHERE w.order_id = o.id AND w.status = 'SHIPPED' GROUP BY part->>'line') s), ''),
			       (SELECT coalesce(sum((d.doc->'netAmount'->>'amount')::numeric), 0)::text FROM finance_documents d WHERE d.order_id = o.id),
			       (SELECT string_agg((l->>'number') || ':' || (l->'quantity'->>'value')::numeric, ' ' ORDER BY l->>'number') FROM json_array_elements(o.doc->'lines') l)
			           || ' ' || (o.doc->'total'->>'amount')
			FROM orders o WHERE number = $1`, p.number).Scan(&works, &invoiced, &ordered)
		if err != nil || works+" "+invoiced != ordered {
			t.Errorf("%s: of order %s nodes sent and the ERP invoiced %s %s, and %s was ordered, %v", key, p.number, works, invoiced, ordered, err)
		}
	}
	var dead int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM effects WHERE state = 'DEAD'`).Scan(&dead); err != nil || dead > 0 {
		t.Errorf("%d effects are dead, %v", dead, err)
	}
	t.Logf("%d placements, %d accepted, %d works", len(answers), accepted, planned)
}

// judgeWorks compares the planned works with those that nodes have, and returns how many there are.
func judgeWorks(t *testing.T, pool *postgres.Pool, truth truth) int {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT number, status FROM fulfillment_orders`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	planned := map[string]bool{}
	for rows.Next() {
		var number, status string
		if err := rows.Scan(&number, &status); err != nil {
			t.Fatal(err)
		}
		planned[number] = true
		if truth.Works[number] != 1 && status != "CANCELLED" {
			t.Errorf("work %s is planned and its node has it %d times", number, truth.Works[number])
		}
	}
	for number := range truth.Works {
		if !planned[number] {
			t.Errorf("a node has work %s that nobody planned", number)
		}
	}
	return len(planned)
}

type truth struct {
	ERPOrders map[string]int `json:"erpOrders"`
	Works     map[string]int `json:"works"`
}

// adminClient talks to the sandbox's admin routes.
type adminClient struct {
	t   *testing.T
	url string
}

func (w *adminClient) post(path, body string) {
	w.t.Helper()
	res, err := http.Post(w.url+path, "application/json", strings.NewReader(body))
	if err != nil || res.StatusCode >= 300 {
		w.t.Fatalf("%s: %v %v", path, res, err)
	}
	_ = res.Body.Close()
}

// steps moves the world on until the channel is closed.
func (w *adminClient) steps(done <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			res, err := http.Post(w.url+"/admin/step", "", nil)
			if err != nil {
				w.t.Errorf("step: %v", err)
				return
			}
			_ = res.Body.Close()
		}
	}
}

func (w *adminClient) truth() (out truth) {
	w.t.Helper()
	res, err := http.Get(w.url + "/admin/truth")
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return out
}
