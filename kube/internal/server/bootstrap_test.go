package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatTheAPINeedsIsTriedUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		tries := 0
		err := eventually(t.Context(), "a role", func(context.Context) error {
			if tries++; time.Since(begun) < time.Hour {
				return errors.New("etcdserver: no leader")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > time.Hour+5*time.Second {
			t.Errorf("it worked after an hour, and was tried again %s later", took-time.Hour)
		}
		if tries > 1000 {
			t.Errorf("%d tries in an hour", tries)
		}
	})
}

func TestWhatTheAPINeedsIsNoErrorOfAServerThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := eventually(ctx, "a role", func(context.Context) error { return errors.New("etcdserver: no leader") })
		if err != nil {
			t.Errorf("a server that ends is told to end at once: %v", err)
		}
	})
}
