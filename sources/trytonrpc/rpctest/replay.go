// Package rpctest answers as Tryton did when its exchanges were recorded.
package rpctest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// Recorded is a server of recorded replies. What it is asked and has no record for fails the test.
type Recorded struct {
	URL string
	// Logins counts logins; Refuse has them refused with the status; Forget has the next call's session
	// forgotten.
	Logins, Refuse atomic.Int64
	Forget         atomic.Bool
	// Asked are the methods that were called, apart from logins, and Params what they were called with.
	Asked  []string
	Params [][]any

	t  *testing.T
	by map[string][]string
}

// Replay starts a server. By has the files of testdata, without their ending, of a method by the end of its
// name: of several the first is the answer to the first call, and the last to all that follow.
func Replay(t *testing.T, by map[string][]string) *Recorded {
	t.Helper()
	r := &Recorded{t: t, by: by}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// ServeHTTP implements http.Handler. Calls come one after another.
func (r *Recorded) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	raw, _ := io.ReadAll(req.Body)
	var call struct {
		Method string
		Params []any
	}
	_ = json.Unmarshal(raw, &call)
	if call.Method == "common.db.login" {
		r.Logins.Add(1)
		if status := int(r.Refuse.Load()); status != 0 {
			w.WriteHeader(status)
			return
		}
		_, _ = io.WriteString(w, `{"id":1,"result":[2,"0f"]}`)
		return
	}
	if !strings.HasPrefix(req.Header.Get("Authorization"), "Session ") || r.Forget.Swap(false) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.Asked, r.Params = append(r.Asked, call.Method), append(r.Params, call.Params)
	best := ""
	for method := range r.by {
		if strings.HasSuffix(call.Method, method) && len(method) > len(best) {
			best = method
		}
	}
	files := r.by[best]
	if len(files) == 0 {
		r.t.Errorf("%s was asked for and is not recorded", call.Method)
		return
	}
	reply, err := os.ReadFile(filepath.Join("testdata", files[0]+".json"))
	if err != nil {
		r.t.Error(err)
	}
	if len(files) > 1 {
		r.by[best] = files[1:]
	}
	_, _ = w.Write(reply)
}
