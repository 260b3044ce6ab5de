package server

import (
	"context"
	"errors"
	"maps"
	"slices"
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

// keptInMemory is etcd's. before is called before each removal, as another server that is at work.
type keptInMemory struct {
	values map[string][]byte
	before func()
}

func (k *keptInMemory) Kept(context.Context) (map[string][]byte, error) {
	return maps.Clone(k.values), nil
}

func (k *keptInMemory) KeepShared(_ context.Context, name string, value []byte) error {
	k.values[name] = value
	return nil
}

func (k *keptInMemory) ForgetShared(_ context.Context, keep, name string) (bool, error) {
	if before := k.before; before != nil {
		k.before = nil
		before()
	}
	if _, isThere := k.values[keep]; !isThere {
		return false, nil
	}
	delete(k.values, name)
	return true, nil
}

func TestTwoServersWithOtherKeysDoNotRemoveThoseOfEachOther(t *testing.T) {
	one, two := pki.Bootstrap{"ServiceKey": {Content: []byte("one")}}, pki.Bootstrap{"ServiceKey": {Content: []byte("two")}}
	k := &keptInMemory{values: map[string][]byte{"before": []byte("damaged")}}
	k.before = func() { // the other one sees what this one has just kept
		if isKept, err := keepOne(t.Context(), k, two, "secret"); err != nil || !isKept {
			t.Errorf("%v, %v", isKept, err)
		}
	}
	for tries := 0; ; tries++ {
		isKept, err := keepOne(t.Context(), k, one, "secret")
		if err != nil || tries > 1 {
			t.Fatalf("%v after %d tries; want it kept in the second", err, tries)
		}
		if isKept {
			break
		}
		if len(k.values) != 1 {
			t.Errorf("%d values; want that of the other server", len(k.values))
		}
	}
	names := slices.Collect(maps.Keys(k.values))
	if len(names) != 1 {
		t.Fatalf("%d values; want one", len(names))
	}
	if got, err := openShared(k.values, "secret"); err != nil || !got.Equal(one) {
		t.Errorf("%v; want that of who was last", err)
	}
	if isKept, err := keepOne(t.Context(), k, one, "secret"); err != nil || !isKept || k.values[names[0]] == nil {
		t.Errorf("%v, %v; want what is there left alone", isKept, err)
	}
}
