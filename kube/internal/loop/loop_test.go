package loop

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAPauseEndsWithItsTimeOrItsContext(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	if !Pause(ctx, time.Nanosecond) {
		t.Error("the context goes on")
	}
	end()
	for _, d := range []time.Duration{0, time.Hour} {
		if Pause(ctx, d) {
			t.Errorf("%s: the context has ended", d)
		}
	}
}

func TestAReasonIsNewOnceInARow(t *testing.T) {
	var r Reasons
	a, b := errors.New("a"), errors.New("b")
	for i, step := range []struct {
		err  error
		want bool
	}{{nil, false}, {a, true}, {errors.New("a"), false}, {b, true}, {a, true}, {nil, false}, {a, true}} {
		if got := r.IsNew(step.err); got != step.want {
			t.Errorf("step %d, %v: %v; want %v", i, step.err, got, step.want)
		}
	}
}

func TestASignalIsTakenOnce(t *testing.T) {
	s := NewSignal()
	s.Give()
	s.Give()
	<-s
	select {
	case <-s:
		t.Error("it was given again")
	default:
	}
}
