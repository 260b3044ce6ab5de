package cli

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k3os.io/kube/internal/loop"
)

// TestServersThatRestartOneAfterTheOtherKeepTheirMajority is a rolling upgrade without machines: what the servers of a
// pool do while each of them in turn is away.
func TestServersThatRestartOneAfterTheOtherKeepTheirMajority(t *testing.T) {
	servers := threeServers(t)
	turnsOf(t, servers["s1"])
	stop := watchMajority(t, servers)
	began := time.Now()
	for _, name := range []string{"s1", "s2", "s3"} {
		s := servers[name]
		s.stop()
		s.start()
		measured(t, "restarts: a server is ready again, "+name, s.awaitReady())
	}
	measured(t, "restarts: all three, one after the other", time.Since(began))
	stop()
	turnsOf(t, servers["s2"])
}

// watchMajority asks all servers whether they are ready, and has any of them write objects, until what it returns is
// called. It fails the test if fewer than two were ready at any time.
func watchMajority(t *testing.T, servers map[string]*runningServer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var watchers sync.WaitGroup
	rounds, lapses := 0, 0
	watchers.Go(func() {
		for ok := true; ok; ok = loop.Pause(ctx, 200*time.Millisecond) {
			var ready atomic.Int32
			var asked sync.WaitGroup
			for _, s := range servers {
				asked.Go(func() {
					if within(t, 2*time.Second, s.ready) == nil {
						ready.Add(1)
					}
				})
			}
			asked.Wait()
			rounds++
			if ready.Load() < 2 {
				lapses++
			}
		}
	})
	writes, lastWrite, longest := 0, time.Now(), time.Duration(0)
	watchers.Go(func() {
		for ok := true; ok; ok = loop.Pause(ctx, 200*time.Millisecond) {
			if writtenByAny(ctx, servers, fmt.Sprint("during-restarts-", writes)) {
				longest = max(longest, time.Since(lastWrite))
				lastWrite = time.Now()
				writes++
			}
		}
	})
	return func() {
		cancel()
		watchers.Wait()
		longest = max(longest, time.Since(lastWrite))
		t.Logf("asked %d times, %d objects written", rounds, writes)
		if lapses > 0 || rounds == 0 || writes == 0 {
			t.Errorf("fewer than two servers were ready %d of %d times, %d objects were written", lapses, rounds, writes)
		}
		measured(t, "restarts: the longest time without a write", longest)
	}
}

// writtenByAny is what a client does that knows all servers.
func writtenByAny(ctx context.Context, servers map[string]*runningServer, name string) bool {
	for _, s := range servers {
		if s.write(ctx, name, 2*time.Second) == nil {
			return true
		}
	}
	return false
}
