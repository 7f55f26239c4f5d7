package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// The development issuer's names.
const (
	DevIssuer   = "https://crossdock.localhost"
	DevAudience = "crossdock"
	devKeyID    = "dev-1"
)

// Dev signs tokens for development with a key of its own.
type Dev struct{ key *ecdsa.PrivateKey }

// OpenDev returns the development issuer whose key is in the folder, making one at first.
func OpenDev(dir string) (*Dev, error) {
	path := filepath.Join(dir, "dev-issuer.pem")
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("development key: %w", err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("development key: %w", err)
		}
		raw = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			return nil, fmt.Errorf("development key: %w", err)
		}
		return &Dev{key}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("development key: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no key: delete it to get a new one", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a key of another kind: delete it to get a new one", path)
	}
	return &Dev{key}, nil
}

// Issuer is who signs the tokens, with the key that they are checked by.
func (d *Dev) Issuer() (Issuer, error) {
	point, err := d.key.PublicKey.Bytes()
	if err != nil {
		return Issuer{}, fmt.Errorf("development key: %w", err)
	}
	enc := base64.RawURLEncoding
	keys, err := json.Marshal(map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": devKeyID,
		"x": enc.EncodeToString(point[1:33]), "y": enc.EncodeToString(point[33:65]),
	}}})
	return Issuer{Issuer: DevIssuer, Audience: DevAudience, Keys: keys}, err
}

// Grant is what a development token allows.
type Grant struct {
	Subject, Name, Role, Scope string
	Accounts                   []string
	For                        time.Duration
}

// Token signs a token.
func (d *Dev) Token(g Grant) (string, error) {
	now := time.Now()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": DevIssuer, "aud": DevAudience, "sub": g.Subject, "azp": "dev", "name": g.Name, "role": g.Role, "scope": g.Scope, "accounts": g.Accounts,
		"iat": now.Unix(), "exp": now.Add(g.For).Unix(),
	})
	t.Header["kid"] = devKeyID
	return t.SignedString(d.key)
}

// DevGrants are the people of the development world.
func DevGrants(account string) map[string]Grant {
	const year = 365 * 24 * time.Hour
	return map[string]Grant{
		"buyer":      {"bea.buyer", "Bea Buyer", "BUYER", "orders", []string{account}, year},
		"approver":   {"amy.approver", "Amy Approver", "BUYER", "orders orders:approve", []string{account}, year},
		"service":    {"sam.service", "Sam Service", "SERVICE", "orders orders:release credit:release pricing:release pricing:override returns:approve", []string{"*"}, year},
		"operations": {"olga.operations", "Olga Operations", "OPERATIONS", "orders orders:release credit:release pricing:release pricing:override orders:override rules tax returns:approve operations sources", []string{"*"}, year},
	}
}
