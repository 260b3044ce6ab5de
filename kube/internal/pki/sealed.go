package pki

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/crypto/scrypt"
)

// A sealed bootstrap is one that only the token of servers opens, so that it can lie in the datastore and in snapshots.
type sealed struct {
	Salt, Nonce, Data []byte
}

// What a guess at the token costs: 16 MiB, and a twentieth of a second on a fast processor.
const (
	scryptN, scryptR, scryptP = 1 << 14, 8, 1
	sealKeyBytes              = 32 // AES-256
)

// ErrOtherToken says that a sealed bootstrap does not belong to the token, or was changed.
var ErrOtherToken = errors.New("the token is not the one of servers at the time when this was saved")

// Seal encrypts a bootstrap with the secret of the token of servers.
func (b Bootstrap) Seal(secret string) ([]byte, error) {
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	s := sealed{Salt: make([]byte, 16), Nonce: make([]byte, 12)}
	_, _ = rand.Read(s.Salt) // never fails: crypto/rand ends the process instead
	_, _ = rand.Read(s.Nonce)
	box, err := s.cipher(secret)
	if err != nil {
		return nil, err
	}
	s.Data = box.Seal(nil, s.Nonce, plain, nil)
	return json.Marshal(s)
}

// OpenBootstrap is the other way round. With another token it fails with ErrOtherToken.
func OpenBootstrap(text []byte, secret string) (Bootstrap, error) {
	var s sealed
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("expected sealed keys of a cluster: %w", err)
	}
	if len(s.Nonce) != 12 {
		return nil, errors.New("expected sealed keys of a cluster")
	}
	box, err := s.cipher(secret)
	if err != nil {
		return nil, err
	}
	plain, err := box.Open(nil, s.Nonce, s.Data, nil)
	if err != nil {
		return nil, ErrOtherToken
	}
	var b Bootstrap
	return b, json.Unmarshal(plain, &b)
}

func (s sealed) cipher(secret string) (cipher.AEAD, error) {
	key, err := scrypt.Key([]byte(secret), s.Salt, scryptN, scryptR, scryptP, sealKeyBytes)
	if err != nil {
		return nil, err
	}
	return newBox(key)
}

// Equal tells whether two bootstraps have the same content, whenever their files were written.
func (b Bootstrap) Equal(other Bootstrap) bool {
	if len(b) != len(other) {
		return false
	}
	for name, file := range b {
		if string(other[name].Content) != string(file.Content) {
			return false
		}
	}
	return true
}
