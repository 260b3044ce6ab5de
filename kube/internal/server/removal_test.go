package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestAMemberOfADeletedNodeIsRemovedWhenItCanBe(t *testing.T) {
	for name, tt := range map[string]struct {
		isNew         bool
		refusedFor    time.Duration
		backAfter     time.Duration // 0 is never
		removed       bool
		notes, forgot int
	}{
		"at once":                         {isNew: true, removed: true},
		"the servers meet again in a day": {isNew: true, refusedFor: 24 * time.Hour, removed: true, notes: 1},
		"it runs, and registers again":    {isNew: true, refusedFor: 10 * time.Second, backAfter: time.Second, removed: true, notes: 1},
		"it has come back":                {isNew: true, refusedFor: time.Hour, backAfter: 30 * time.Minute, notes: 1, forgot: 1},
		"after a restart":                 {refusedFor: time.Hour, removed: true},
		"it came back before the restart": {refusedFor: time.Hour, backAfter: time.Nanosecond, forgot: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				since := func() time.Duration { return time.Since(began) }
				var removed bool
				var notes, forgot int
				time.Sleep(time.Nanosecond)
				removal{
					node: "a", isNew: tt.isNew,
					note: func(context.Context) error { notes++; return nil },
					remove: func(context.Context) error {
						if since() < tt.refusedFor {
							return errors.New("etcdserver: unhealthy cluster")
						}
						removed = true
						return nil
					},
					forget: func(context.Context) error { forgot++; return nil },
					isBack: func() bool { return tt.backAfter > 0 && since() >= tt.backAfter },
				}.run(t.Context())
				if removed != tt.removed || notes != tt.notes || forgot != tt.forgot {
					t.Errorf("removed %v, noted %d, forgotten %d; want %v, %d, %d", removed, notes, forgot, tt.removed, tt.notes, tt.forgot)
				}
				if over := since() - tt.refusedFor; tt.removed && over > lastRemovalPause {
					t.Errorf("removed %s after it could be", over)
				}
			})
		})
	}
}
