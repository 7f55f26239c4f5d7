package workflows_test

import (
	"fmt"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/workflows"
)

// TestSaleorRetries: pauses of 10·2ⁿ s and five tries, none where the answer was that the request is wrong.
func TestSaleorRetries(t *testing.T) {
	t.Parallel()
	p := workflows.Policy{Attempts: 5, Base: 10 * time.Second, Cap: 15 * time.Minute}
	var got []time.Duration
	for n := 1; n <= p.Attempts; n++ {
		got = append(got, workflows.Pause(p, n))
	}
	if fmt.Sprint(got) != "[10s 20s 40s 1m20s 2m40s]" {
		t.Errorf("the pauses are %v", got)
	}
	for kind, again := range map[fault.Kind]bool{fault.Invalid: false, fault.Denied: false, fault.Conflict: false, fault.Unavailable: true, fault.Timeout: true, fault.Throttled: true, fault.BadResponse: true} {
		if fault.Permanent(fault.New(kind, "no")) == again {
			t.Errorf("%s is tried again: %t", kind, !again)
		}
	}
}
