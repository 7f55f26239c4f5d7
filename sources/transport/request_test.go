package transport

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestWhatIsSent: where a path leads, who asks, and that nothing here goes where a reply points to.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	product := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusFound)
		_, _ = fmt.Fprint(w, r.RequestURI, " ", user, " ", password)
	}))
	t.Cleanup(product.Close)
	host := strings.TrimPrefix(product.URL, "http://")
	for base, paths := range map[string]map[string]string{
		product.URL:                      {"/stock": "/stock  ", "stock": "/stock  ", "v1/items?of=1": "/v1/items?of=1  ", "": "/  ", product.URL + "/next?page=2": "/next?page=2  "},
		product.URL + "/api":             {"/a%2Fb/c": "/api/a%2Fb/c  ", "": "/api  "},
		"http://us:secret@" + host + "/": {"stock": "/stock us secret"},
	} {
		c, err := New("product", base, Config{})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range paths {
			res, err := c.Do(t.Context(), Request{Operation: "any", Method: http.MethodGet, Path: path})
			if err != nil || res.Status != http.StatusFound || string(res.Body) != want {
				t.Errorf("%q below %q is answered %+v, %v, not %q", path, base, res, err, want)
			}
		}
		c.CloseIdle()
	}
}
