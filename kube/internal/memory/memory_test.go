package memory

import "testing"

func TestStartLimit(t *testing.T) {
	for _, c := range []struct {
		total uint64
		want  int64
	}{
		{64 << 30, 320 << 20},
		{1 << 30, 320 << 20},
		{500 << 20, 200 << 20},
		{250 << 20, 100 << 20},
	} {
		if got := startLimit(c.total); got != c.want {
			t.Errorf("startLimit(%d MiB) = %d MiB, want %d", c.total>>20, got>>20, c.want>>20)
		}
	}
}

func TestTotalIsWhatTheKernelSays(t *testing.T) {
	if got := total(); got < 64<<20 || got > 1<<50 {
		t.Errorf("total() = %d", got)
	}
}
