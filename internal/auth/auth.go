// Package auth turns a bearer token into the viewer it speaks for. There is no anonymous access
// to data: a request without a valid token has no viewer, and no viewer sees nothing.
package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
	lru "github.com/hashicorp/golang-lru/v2"

	"crossdock/domains/fault"
	"crossdock/domains/trade"
)

// Issuer is who may sign tokens, and for whom.
type Issuer struct {
	Issuer, Audience string
	// JWKS is the URL of its keys, or Keys are the keys themselves.
	JWKS string
	Keys json.RawMessage
}

// Verifier checks tokens of the configured issuers.
type Verifier struct {
	issuers map[string]issuer
	// known are tokens that were verified a little while ago.
	known *lru.Cache[string, verified]
}

// verified is whom a token speaks for, and until when that is believed without looking at its signature again.
type verified struct {
	viewer trade.Viewer
	until  time.Time
}

// A signature takes longer to verify than a small query to answer. A key that its issuer withdraws is honoured for no longer than
// the time that a token is believed.
const (
	believed   = time.Minute
	remembered = 1000
)

type issuer struct {
	audience string
	keys     jwt.Keyfunc
}

// New returns a verifier. Key sets given by URL are fetched in the background and again when a
// token names a key that is not known; ctx ends that.
func New(ctx context.Context, issuers []Issuer) (*Verifier, error) {
	known, err := lru.New[string, verified](remembered)
	if err != nil {
		return nil, fmt.Errorf("tokens: %w", err)
	}
	v := &Verifier{issuers: map[string]issuer{}, known: known}
	for _, i := range issuers {
		var keys keyfunc.Keyfunc
		var err error
		if len(i.Keys) > 0 {
			keys, err = keyfunc.NewJWKSetJSON(i.Keys)
		} else {
			keys, err = keyfunc.NewDefaultOverrideCtx(ctx, []string{i.JWKS}, keyfunc.Override{})
		}
		if err != nil {
			return nil, fmt.Errorf("issuer %s: %w", i.Issuer, err)
		}
		v.issuers[i.Issuer] = issuer{i.Audience, keys.Keyfunc}
	}
	return v, nil
}

// leeway is how far clocks may differ.
const leeway = 30 * time.Second

// claims are what a token says. Accounts of "*" are all accounts.
type claims struct {
	jwt.RegisteredClaims
	Name     string   `json:"name"`
	Client   string   `json:"azp"`
	Role     string   `json:"role"`
	Scope    string   `json:"scope"`
	Accounts []string `json:"accounts"`
}

// Verify returns whom the token speaks for. It fails with fault.Denied and says why in words
// fit for the caller.
func (v *Verifier) Verify(token string) (trade.Viewer, error) {
	now := time.Now()
	if was, ok := v.known.Get(token); ok && now.Before(was.until) {
		return was.viewer, nil
	}
	viewer, err := v.verify(token)
	if err != nil {
		return trade.Viewer{}, err
	}
	until := now.Add(believed)
	if viewer.Until.Before(until) {
		until = viewer.Until
	}
	v.known.Add(token, verified{viewer, until})
	return viewer, nil
}

func (v *Verifier) verify(token string) (trade.Viewer, error) {
	unverified, _, err := jwt.NewParser().ParseUnverified(token, &claims{})
	if err != nil {
		return trade.Viewer{}, denied("the token is not a JWT")
	}
	name, _ := unverified.Claims.GetIssuer()
	from, ok := v.issuers[name]
	if !ok {
		return trade.Viewer{}, denied("the token's issuer is not trusted here")
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, from.keys, jwt.WithValidMethods([]string{"RS256", "ES256"}), jwt.WithIssuer(name),
		jwt.WithAudience(from.audience), jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return trade.Viewer{}, denied("the token has expired")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return trade.Viewer{}, denied("the token is for another audience")
	case err != nil:
		return trade.Viewer{}, denied("the token's signature cannot be verified")
	case c.Subject == "":
		return trade.Viewer{}, denied("the token names no subject")
	}
	viewer := trade.Viewer{Subject: c.Subject, Client: c.Client, Application: c.Client, Name: c.Name, Role: c.Role, Scopes: strings.Fields(c.Scope), Until: c.ExpiresAt.Add(leeway)}
	if viewer.Client == "" {
		viewer.Client = c.Subject
	}
	for _, a := range c.Accounts {
		if a == "*" {
			viewer.AllAccounts = true
			continue
		}
		viewer.Accounts = append(viewer.Accounts, trade.AccountID(a))
	}
	return viewer, nil
}

func denied(why string) error { return fault.New(fault.Denied, "%s", why) }

type viewerKey struct{}

// With returns a context for the viewer.
func With(ctx context.Context, v trade.Viewer) context.Context {
	return context.WithValue(ctx, viewerKey{}, v)
}

// Viewer returns who is asking; the zero viewer, which sees nothing, when nobody is.
func Viewer(ctx context.Context) trade.Viewer {
	v, _ := ctx.Value(viewerKey{}).(trade.Viewer)
	return v
}

// Bearer returns the token of an Authorization header's value.
func Bearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// Require lets only requests with a valid token through.
func (v *Verifier) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := Bearer(r.Header.Get("Authorization"))
		if !ok {
			Refuse(w, "send a token: Authorization: Bearer …")
			return
		}
		viewer, err := v.Verify(token)
		if err != nil {
			Refuse(w, err.Error())
			return
		}
		next.ServeHTTP(w, r.WithContext(With(r.Context(), viewer)))
	})
}

// Refuse answers a request without a valid token, in the form of a GraphQL error.
func Refuse(w http.ResponseWriter, why string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("WWW-Authenticate", `Bearer realm="crossdock"`)
	w.WriteHeader(http.StatusUnauthorized)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"message": why, "extensions": map[string]any{"code": "UNAUTHENTICATED"}}}})
}
