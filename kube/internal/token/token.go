// Package token reads and writes k3s's join tokens: K10HASH::USER:SECRET, where HASH is that of the cluster's
// authority.
//
// No error of this package repeats a token or a part of it, except its hash, which is public.
package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const prefix = "K10"

// A Token is what a node shows to join a cluster.
type Token struct {
	// Hash is the SHA-256, in hex, of the PEM file of the cluster's authority. A token without one trusts any.
	Hash string
	// User is server or node. It is empty for a bare secret and for a bootstrap token.
	User   string
	Secret string
}

var (
	hash      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	bootstrap = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)
)

// Parse takes K10HASH::USER:SECRET, K10HASH::ID.SECRET (a bootstrap token), USER:SECRET, and a bare secret, which may
// be any text that does not start with K10.
func Parse(text string) (Token, error) {
	if text == "" {
		return Token{}, errors.New("the token is empty")
	}
	full, isFull := strings.CutPrefix(text, prefix)
	if !isFull {
		if user, secret, ok := strings.Cut(text, ":"); ok && isUser(user) && secret != "" {
			return Token{User: user, Secret: secret}, nil
		}
		return Token{Secret: text}, nil
	}
	h, rest, ok := strings.Cut(full, "::")
	if !ok {
		return Token{}, malformed("there is no :: in it")
	}
	if h != "" && !hash.MatchString(h) {
		return Token{}, malformed(fmt.Sprintf("between K10 and :: there are %d characters that are not such a hash", len(h)))
	}
	if bootstrap.MatchString(rest) {
		return Token{Hash: h, Secret: rest}, nil
	}
	user, secret, ok := strings.Cut(rest, ":")
	if !ok || !isUser(user) || secret == "" {
		return Token{}, malformed("what follows :: is neither server:SECRET nor node:SECRET nor a bootstrap token")
	}
	return Token{h, user, secret}, nil
}

// IsBootstrap tells whether a secret has the form of a bootstrap token, ID.SECRET.
func IsBootstrap(secret string) bool { return bootstrap.MatchString(secret) }

// FormatBootstrap is the full form of a bootstrap token of a cluster with this authority.
func FormatBootstrap(authorityPEM []byte, idAndSecret string) string {
	return prefix + HashOf(authorityPEM) + "::" + idAndSecret
}

func malformed(got string) error {
	return fmt.Errorf("the token starts with K10 and is incomplete: expected K10, 64 hexadecimal digits, ::server: and"+
		" the secret, but %s; copy the whole line, or give the secret alone", got)
}

func isUser(name string) bool { return name == Server || name == Node }

// Who a token is for.
const (
	Server = "server"
	Node   = "node"
)

// Format is the full form, for a user, of a cluster with this authority.
func Format(authorityPEM []byte, user, secret string) string {
	return prefix + HashOf(authorityPEM) + "::" + user + ":" + secret
}

// CheckAuthority fails if the token was made for a cluster with another authority.
func (t Token) CheckAuthority(authorityPEM []byte) error {
	if own := HashOf(authorityPEM); t.Hash != "" && t.Hash != own {
		return fmt.Errorf("the token belongs to another cluster: expected K10%s…, the hash of this cluster's authority,"+
			" but got K10%s…", own[:12], t.Hash[:12])
	}
	return nil
}

// HashOf is that of an authority, in hex, of its PEM file.
func HashOf(pem []byte) string {
	sum := sha256.Sum256(pem)
	return hex.EncodeToString(sum[:])
}

// RandomSecret is 128 bits in hex.
func RandomSecret() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(b)
}
