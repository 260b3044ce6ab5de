package informernames

import (
	"testing"

	"k8s.io/client-go/tools/cache"
)

func TestAReleasedNameIsTakenAgain(t *testing.T) {
	if _, err := cache.NewInformerName("part"); err != nil {
		t.Fatal(err)
	}
	if _, err := cache.NewInformerName("part"); err == nil {
		t.Fatal("upstream takes a name twice: this package is not needed any more")
	}
	Release("another")
	Release("part")
	if _, err := cache.NewInformerName("part"); err != nil {
		t.Error(err)
	}
}
