package pki

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
)

// Seal encrypts what servers tell each other by the API. Only who has the key of the cluster's authority reads it, and
// for no other purpose than the one that it was sealed for.
func (s *Store) Seal(purpose string, plain []byte) ([]byte, error) {
	box, err := s.box(purpose)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize())
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the process instead
	return box.Seal(nonce, nonce, plain, nil), nil
}

// Unseal returns what was sealed by a server of this cluster.
func (s *Store) Unseal(purpose string, sealed []byte) ([]byte, error) {
	box, err := s.box(purpose)
	if err != nil {
		return nil, err
	}
	if len(sealed) < box.NonceSize() {
		return nil, errors.New("it is cut off")
	}
	plain, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], nil)
	if err != nil {
		return nil, fmt.Errorf("it was not sealed by a server with the key %s", s.KeyFile(ServerCA))
	}
	return plain, nil
}

func (s *Store) box(purpose string) (cipher.AEAD, error) {
	secret, err := os.ReadFile(s.KeyFile(ServerCA))
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, secret, nil, "k3os sealed by a server: "+purpose, 32)
	if err != nil {
		return nil, err
	}
	return newBox(key)
}

// newBox is AES-GCM.
func newBox(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
