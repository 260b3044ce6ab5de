package pki

import (
	"bytes"
	"testing"
	"testing/quick"
)

func TestOnlyAServerOfTheClusterReadsWhatIsSealed(t *testing.T) {
	s, other := newTestStore(t), newTestStore(t)
	ensure(t, s)
	ensure(t, other)
	property := func(plain []byte, at uint) bool {
		sealed, err := s.Seal("a", plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Unseal("a", sealed)
		if err != nil || !bytes.Equal(got, plain) || bytes.Contains(sealed, plain) && len(plain) > 3 {
			return false
		}
		i := int(at % uint(len(sealed)))
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		for _, wrong := range []struct {
			by      *Store
			purpose string
			sealed  []byte
		}{{s, "b", sealed}, {other, "a", sealed}, {s, "a", changed}, {s, "a", sealed[:i]}} {
			if _, err := wrong.by.Unseal(wrong.purpose, wrong.sealed); err == nil {
				return false
			}
		}
		return true
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
}
