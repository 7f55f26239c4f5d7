package auth_test

import (
	"strings"
	"testing"
	"time"

	"crossdock/domains/fault"
	"crossdock/internal/auth"
)

// TestATokenThatWasVerifiedIsBelievedAsItIs: again and as whom it named, but neither with another signature nor after it has expired.
func TestATokenThatWasVerifiedIsBelievedAsItIs(t *testing.T) {
	t.Parallel()
	dev, err := auth.OpenDev(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	signs, err := dev.Issuer()
	if err != nil {
		t.Fatal(err)
	}
	v, err := auth.New(t.Context(), []auth.Issuer{signs})
	if err != nil {
		t.Fatal(err)
	}
	token := func(lasts time.Duration) string {
		s, err := dev.Token(auth.Grant{Subject: "bea", Role: "BUYER", Scope: "orders", Accounts: []string{"C1"}, For: lasts})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	long := token(time.Hour)
	for range 2 {
		if who, err := v.Verify(long); err != nil || who.Subject != "bea" || !who.MaySee("C1") || who.MaySee("C2") {
			t.Errorf("it speaks for %+v: %v", who, err)
		}
	}
	head, signature, _ := strings.Cut(long, ".")
	if who, err := v.Verify(head + "." + strings.ToLower(signature)); fault.KindOf(err) != fault.Denied {
		t.Errorf("another signature speaks for %+v: %v", who, err)
	}
	short := token(-28 * time.Second) // within what clocks may differ by, and no more than two seconds of it
	if _, err := v.Verify(short); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := v.Verify(short); fault.KindOf(err) == fault.Denied && strings.Contains(err.Error(), "expired") {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it never expires")
		}
	}
}
