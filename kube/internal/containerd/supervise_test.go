package containerd

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestContainerdRunsWhereTheKernelRefusesAnotherTimerSlack(t *testing.T) {
	allowed := usualSlack
	t.Cleanup(func() { usualSlack = allowed })
	usualSlack = func() (func(), error) { return nil, errors.New("operation not permitted") }
	if err := runOnce(t.Context(), "/bin/true", "config.toml", filepath.Join(t.TempDir(), "log")); err != nil {
		t.Errorf("%v; want it started all the same", err)
	}
}
