package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// TestServersThatLoseTheirMajorityWhileTheyStartGoOn cuts the power of all servers, and, once the API of one of them
// answers again and is not ready yet, every wire: what it does at its start needs etcd, which takes nothing then.
func TestServersThatLoseTheirMajorityWhileTheyStartGoOn(t *testing.T) {
	w, dir := newWire(t), shortDir(t)
	const count = 3
	hosts := make([]*host, count)
	servers := make([]*runningServer, count)
	start := func(n int, args ...string) {
		servers[n] = hosts[n].serve(filepath.Join(dir, fmt.Sprint(n)), args...)
	}
	for n := range hosts {
		hosts[n] = w.host(n + 1)
		if n == 0 {
			start(n, "--cluster-init")
			servers[n].awaitReady()
		} else {
			start(n, "--server=https://"+hosts[0].ip+":6443")
		}
	}
	for _, s := range servers {
		s.awaitReady()
	}
	if err := servers[0].put(t.Context(), "before"); err != nil {
		t.Fatal(err)
	}

	for _, s := range servers {
		s.kill()
	}
	for n := range hosts {
		start(n, "--cluster-init")
	}
	awaitAnswer(t, servers)
	for _, h := range hosts {
		h.cut()
	}
	until := time.Now().Add(45 * time.Second)
	eventually(t, "45 seconds are over", func() error {
		for _, s := range servers {
			s.mustRun()
		}
		if time.Now().Before(until) {
			return errors.New("not yet")
		}
		return nil
	})
	for _, h := range hosts {
		h.join()
	}
	healed := time.Now()
	for _, s := range servers {
		s.awaitReady()
		s.awaitWrite("by-" + s.name)
	}
	measured(t, "power and wires are back: every server writes", time.Since(healed))
}

// awaitAnswer returns as soon as the API of one of them answers something.
func awaitAnswer(t *testing.T, servers []*runningServer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		for _, s := range servers {
			s.mustRun()
			err := s.ready(ctx)
			if err == nil || apierrors.IsInternalError(err) {
				t.Logf("%s answers: %v", s.name, err)
				return
			}
		}
		if ctx.Err() != nil {
			t.Fatal("no API answers within two minutes")
		}
	}
}
