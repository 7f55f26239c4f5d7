package transport

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Signed reports whether the signature is the HMAC-SHA256 of a body with the secret.
func Signed(secret string, body, signature []byte) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body)
	return hmac.Equal(signature, mac.Sum(nil))
}
