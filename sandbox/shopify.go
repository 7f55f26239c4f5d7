package sandbox

import "net/http"

// shopOrder is an order placed in the storefront.
type shopOrder struct{ ID string }

// shopify serves the storefront.
func (s *Server) shopify(secrets Secrets) {
	s.mux.HandleFunc("POST /shopify/admin/api/2026-04/graphql.json", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Shopify-Access-Token") != secrets.ShopifyToken {
			reply(w, http.StatusUnauthorized, object{"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"})
			return
		}
		reply(w, http.StatusOK, object{"errors": []object{{"message": "not served yet"}}})
	})
}
