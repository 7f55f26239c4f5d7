package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"crossdock/domains/orders"
	"crossdock/domains/trade"
	"crossdock/internal/auth"
)

// TestWhatCanBeDoneIsTold: in each state an order says what can be done to it, and whatever else is asked for is refused with that.
func TestWhatCanBeDoneIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	g := newGraph(t, w)
	g.rule(`{classes: [{name: "ASKS", accounts: ["C10002"], policy: {approvals: [{name: "all", above: "0", tiers: 1}]}}]}`)
	w.start()
	token, err := g.issuer.Token(auth.Grant{Subject: "approving", Accounts: []string{"*"}, Scope: "orders orders:approve", For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	g.tokens["approving"] = token
	done := map[string]orders.Action{}
	try := map[orders.Action]string{
		orders.Amend:   `amendOrder(input: {orderId: $id, expectedVersion: $v, poNumber: "P-2", reason: "a test", dryRun: true}) { errors { __typename message ... on ConflictError { legalActions } } }`,
		orders.Cancel:  `cancelOrder(input: {orderId: $id, reason: "a test"}) { errors { __typename message ... on ConflictError { legalActions } } }`,
		orders.Approve: `decideApproval(input: {orderId: $id, approve: false, reason: "a test"}) { errors { __typename message ... on ConflictError { legalActions } } }`,
	}
	check := func(state string, id trade.OrderID, want string) {
		t.Helper()
		number := w.order(id).Number
		got := g.query("operations", `query($n: String!) { order(number: $n) { id version actions } }`, map[string]any{"n": number})
		actions := fmt.Sprint(at(got.Data, "order", "actions"))
		if actions != want {
			t.Errorf("%s: it can have %s done, want %s", state, actions, want)
		}
		for action, mutation := range try {
			if contains(at(got.Data, "order", "actions"), string(action)) {
				continue
			}
			vars, declared := map[string]any{"id": at(got.Data, "order", "id")}, "$id: ID!"
			var answer reply
			var errs []any
			w.until("the order stands still", func() bool {
				if action == orders.Amend {
					vars["v"], declared = w.order(id).Version, "$id: ID!, $v: Int!"
				}
				answer = g.query("approving", `mutation(`+declared+`) { answer: `+mutation+` }`, vars)
				errs, _ = at(answer.Data, "answer", "errors").([]any)
				return len(errs) == 0 || !strings.Contains(fmt.Sprint(errs), "by now")
			})
			if len(errs) != 1 || at(errs[0], "__typename") != "ConflictError" || fmt.Sprint(at(errs[0], "legalActions")) != want {
				t.Errorf("%s: %s is answered %v, %v", state, action, answer.Data, answer.Errors)
			}
			done[state] = action
		}
	}
	held := w.place("held", draft("C10001", line("SKU-1003", "5")))
	check("held", held.OrderID, "[AMEND CANCEL RELEASE_HOLD]")
	asked := w.place("asked", draft("C10002", line("SKU-1000", "1")))
	check("waiting for an approval", asked.OrderID, "[AMEND CANCEL APPROVE]")
	released := w.place("released", draft("C10001", line("SKU-1000", "2")))
	w.handedOn(released.OrderID)
	check("released", released.OrderID, "[LOWER CANCEL]")
	w.until("it is completed", func() bool {
		w.step()
		return w.order(released.OrderID).Status == orders.Completed
	})
	check("completed", released.OrderID, "[RETURN]")
	if _, err := w.orders.Cancel(t.Context(), service(), held.OrderID, nil, "no"); err != nil {
		t.Fatal(err)
	}
	check("cancelled", held.OrderID, "[]")
	if len(done) != 4 {
		t.Errorf("refused was %v", done)
	}
}

func contains(list any, s string) bool {
	all, _ := list.([]any)
	for _, v := range all {
		if v == s {
			return true
		}
	}
	return false
}
