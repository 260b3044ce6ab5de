package server

import (
	"errors"
	"testing"

	"k3os.io/kube/internal/pki"
)

func TestOpenSharedTriesAll(t *testing.T) {
	b := pki.Bootstrap{"ServiceKey": {Content: []byte("a key")}}
	mine, err := b.Seal("mine")
	if err != nil {
		t.Fatal(err)
	}
	before, err := b.Seal("before")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := openShared(map[string][]byte{"a": before, "b": mine, "c": before}, "mine"); err != nil || !got.Equal(b) {
		t.Errorf("%v, %v; want the one that opens", got, err)
	}
	if _, err := openShared(map[string][]byte{"a": before}, "mine"); !errors.Is(err, pki.ErrOtherToken) {
		t.Errorf("%v; want ErrOtherToken", err)
	}
}
