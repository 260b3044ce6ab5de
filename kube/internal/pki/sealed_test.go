package pki

import (
	"errors"
	"strings"
	"testing"
)

func TestASealedBootstrapOpensWithItsTokenAlone(t *testing.T) {
	b := Bootstrap{"ServerCAKey": {Content: []byte("a private key")}, "ServiceKey": {Content: []byte("another")}}
	box, err := b.Seal("secret")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(box), "private") || strings.Contains(string(box), "ServerCAKey") {
		t.Error("the sealed bootstrap can be read")
	}
	if again, _ := b.Seal("secret"); string(again) == string(box) {
		t.Error("sealed twice alike; want another salt")
	}
	got, err := OpenBootstrap(box, "secret")
	if err != nil || !got.Equal(b) {
		t.Errorf("opened: %v, %v; want what was sealed", got, err)
	}
	if _, err := OpenBootstrap(box, "another"); !errors.Is(err, ErrOtherToken) {
		t.Errorf("with another token: %v; want ErrOtherToken", err)
	}
	for i := range box {
		damaged := append([]byte{}, box...)
		damaged[i] ^= 1
		if got, err := OpenBootstrap(damaged, "secret"); err == nil && !got.Equal(b) {
			t.Errorf("byte %d changed: opened as something else", i)
		}
		if i == 40 { // each try costs a derivation
			break
		}
	}
	if b.Equal(Bootstrap{"ServerCAKey": b["ServerCAKey"]}) {
		t.Error("a part is equal to the whole")
	}
}
