package encryption

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/quick"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/storage/value"
)

// loaded is what the API server makes of a configuration.
func loaded(t *testing.T, c Config) value.Transformer {
	t.Helper()
	b, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "c.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := encryptionconfig.LoadEncryptionConfig(t.Context(), file, true, "id")
	if err != nil {
		t.Fatal(err)
	}
	return read.Transformers[schema.GroupResource{Resource: "secrets"}]
}

const plain = "what nobody reads"

var where = value.DefaultContext("/registry/secrets/default/a")

func written(t *testing.T, c Config) []byte {
	t.Helper()
	b, err := loaded(t, c).TransformToStorage(context.Background(), []byte(plain), where)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func reads(t *testing.T, c Config, stored []byte) (ok, isStale bool) {
	t.Helper()
	b, stale, err := loaded(t, c).TransformFromStorage(context.Background(), stored, where)
	return err == nil && string(b) == plain, stale
}

// Each step of a rotation reads what the steps before and after it write: servers take them one after the other.
func TestNeighbouringStepsReadEachOther(t *testing.T) {
	for _, provider := range Providers {
		old := New(provider, true)
		a := old.WithNewKey()
		b := a.Writing(true)
		rotation := []Config{old, a, b}
		enabling := []Config{New(provider, false)}
		enabling = append(enabling, enabling[0].Writing(true))
		for _, steps := range [][]Config{rotation, enabling, {old, old.Writing(false)}} {
			for i := range steps {
				for j := max(0, i-1); j < min(len(steps), i+2); j++ {
					if ok, _ := reads(t, steps[j], written(t, steps[i])); !ok {
						t.Errorf("%s: step %d does not read what step %d has written", provider, j, i)
					}
				}
			}
		}
		end := b.Alone()
		if end.Active() == old.Active() || len(end.Keys) != 1 {
			t.Errorf("the active key is %s after %s", end.Active(), old.Active())
		}
		if ok, stale := reads(t, end, written(t, b)); !ok || stale {
			t.Errorf("what was written anew: read %v, stale %v", ok, stale)
		}
		if ok, _ := reads(t, end, written(t, old)); ok {
			t.Error("the key that was dropped is read with")
		}
		if _, stale := reads(t, b, written(t, old)); !stale {
			t.Error("what is to be written anew is not stale")
		}
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []Config{New(AESCBC, true), New(Secretbox, true)} {
		if got := written(t, c); !strings.HasPrefix(string(got), string(c.Prefix())) || strings.Contains(string(got), plain) {
			t.Errorf("stored as %q; want it to begin with %q", got, c.Prefix())
		}
	}
	if got := written(t, New(AESCBC, false)); string(got) != plain {
		t.Errorf("stored as %q; want it as it is", got)
	}
}

func TestParseReadsWhatMarshalWrites(t *testing.T) {
	property := func(box, enabled bool, more uint8) bool {
		c := New(Providers[0], enabled)
		if box {
			c = New(Providers[1], enabled)
		}
		for range more % 4 {
			c = c.WithNewKey()
		}
		b, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := Parse(b)
		return err == nil && reflect.DeepEqual(got, c)
	}
	if err := quick.Check(property, nil); err != nil {
		t.Error(err)
	}
	for _, text := range []string{"", "{}", "null", `{"resources":[{"resources":["secrets"],"providers":[{"identity":{}},{"aescbc":{"keys":[{"name":"a","secret":"aHVzaA=="}]}}]}]}`} {
		if _, err := Parse([]byte(text)); err == nil || strings.Contains(err.Error(), "aHVzaA") {
			t.Errorf("%q: %v; want an error without the key", text, err)
		}
	}
}

func TestReading(t *testing.T) {
	one, two := New(AESCBC, true), New(AESCBC, false)
	both := one.Reading(two, one, two)
	if both.Active() != one.Active() || len(both.Keys) != 2 || len(one.Keys) != 1 {
		t.Errorf("%v; want the first one's key first, and the other one's", both)
	}
}
