package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// leases are those of what one server at a time runs.
var leases = []string{"kube-controller-manager", "kube-scheduler"}

// turnLost is what a server says when a part of it that is elected ends before its time.
const turnLost = "another server may run the"

func TestThePartsOfACutClusterAgreeAfterTheHeal(t *testing.T) {
	servers := threeServers(t)
	first := servers["s1"]
	before := turnsOf(t, first)
	minority := servers[before[leases[0]].holder]
	majority := slices.DeleteFunc(slices.Collect(maps.Values(servers)), func(s *runningServer) bool { return s == minority })
	if err := first.put(t.Context(), "before"); err != nil {
		t.Fatal(err)
	}

	minority.cut()
	wasCut := time.Now()
	majority[0].awaitWrite("by-the-majority")
	measured(t, "cut: the majority writes again", time.Since(wasCut))
	refuses(t, minority, wasCut)
	for _, lease := range leases {
		awaitAnotherHolder(t, majority[1], lease, minority.name)
	}
	measured(t, "cut: the majority runs controllers and scheduler, at the latest", time.Since(wasCut))
	if err := majority[1].put(t.Context(), "by-the-majority-later"); err != nil {
		t.Fatal(err)
	}

	minority.join()
	measured(t, "heal: the minority writes again", minority.awaitWrite("after-the-heal"))
	minority.awaitReady()
	staysCalm(t, servers)
	want := []string{"after-the-heal", "before", "by-the-majority", "by-the-majority-later", "kube-root-ca.crt"}
	agree(t, servers, want)
	for lease, was := range before {
		now, err := first.turn(t.Context(), lease)
		moved := int32(0)
		if was.holder == minority.name {
			moved = 1
		}
		if err != nil || now.transitions-was.transitions != moved {
			t.Errorf("%s went from %v to %v, %v; want it moved %d times", lease, was, now, err, moved)
		}
	}

	// A server that is switched off says so, and nobody waits for its leases to expire.
	holder := servers[turnsOf(t, first)[leases[0]].holder]
	holder.stop()
	delete(servers, holder.name)
	for _, other := range servers {
		took := awaitAnotherHolder(t, other, leases[0], holder.name)
		if took > 25*time.Second {
			t.Errorf("it took %s until another server ran the controllers; want less than a lease", took)
		}
		measured(t, "switched off: another server runs the controllers", took)
		break
	}
}

func TestPartsThatHaveLostTheirLeasesBeginAnewInTheSameProcess(t *testing.T) {
	s := newWire(t).host(1).serve(filepath.Join(shortDir(t), "1"), "--cluster-init")
	s.awaitReady()
	turnsOf(t, s)
	for _, lease := range leases {
		s.loseTo(lease, "another")
	}
	eventually(t, "all parts have lost their leases", func() error {
		s.mustRun()
		if n := s.said(turnLost); n < len(leases) {
			return fmt.Errorf("%d of %d have", n, len(leases))
		}
		return nil
	})
	for _, lease := range leases {
		awaitAnotherHolder(t, s, lease, "another")
	}

	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "later"}}
	if _, err := s.client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the controllers make an account in a new namespace", func() error {
		s.mustRun()
		_, err := s.client.CoreV1().ServiceAccounts("later").Get(t.Context(), "default", metav1.GetOptions{})
		return err
	})
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "later"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
	if _, err := s.client.CoreV1().Pods("later").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the scheduler looks for a node", func() error {
		s.mustRun()
		now, err := s.client.CoreV1().Pods("later").Get(t.Context(), "later", metav1.GetOptions{})
		if err == nil && len(now.Status.Conditions) == 0 {
			err = errors.New("it has not said that there is none")
		}
		return err
	})
}

// threeServers are members of etcd, by their names.
func threeServers(t *testing.T) map[string]*runningServer {
	t.Helper()
	w, dir := newWire(t), shortDir(t)
	first := w.host(1).serve(filepath.Join(dir, "1"), "--cluster-init")
	first.awaitReady()
	servers := map[string]*runningServer{first.name: first}
	for number := 2; number <= 3; number++ {
		s := w.host(number).serve(filepath.Join(dir, fmt.Sprint(number)), "--server=https://"+first.ip+":6443")
		servers[s.name] = s
	}
	for _, s := range servers {
		s.awaitReady()
	}
	return servers
}

// refuses waits until a server that is cut off says that it is not ready, and sees that it takes no object.
func refuses(t *testing.T, s *runningServer, wasCut time.Time) {
	t.Helper()
	eventually(t, "the minority says that it is not ready", func() error {
		err := within(t, 5*time.Second, s.ready)
		switch {
		case err == nil:
			return errors.New("it is ready")
		case !strings.Contains(err.Error(), "[-]etcd failed"):
			return fmt.Errorf("it says only %w", err)
		}
		return nil
	})
	measured(t, "cut: the minority says that it is not ready", time.Since(wasCut))
	var refusals sync.WaitGroup
	for i := range 3 {
		refusals.Go(func() {
			began := time.Now()
			err := within(t, time.Minute, func(ctx context.Context) error { return s.put(ctx, fmt.Sprint("by-the-minority-", i)) })
			var said apierrors.APIStatus
			if !errors.As(err, &said) {
				t.Errorf("an object is answered by the minority with %v; want it refused", err)
			}
			if i == 0 {
				measured(t, "cut: the minority refuses an object, having tried", time.Since(began))
			}
		})
	}
	refusals.Wait()
}

// awaitAnotherHolder returns how long it took until a lease was another server's.
func awaitAnotherHolder(t *testing.T, asked *runningServer, lease, was string) time.Duration {
	t.Helper()
	return eventually(t, lease+" moves", func() error {
		now, err := asked.turn(t.Context(), lease)
		if err == nil && now.holder == was {
			err = fmt.Errorf("%s holds it", was)
		}
		return err
	})
}

// staysCalm gives each server the time to try to take the leases, and sees that none ends.
func staysCalm(t *testing.T, servers map[string]*runningServer) {
	t.Helper()
	until := time.Now().Add(15 * time.Second)
	eventually(t, "15 seconds are over", func() error {
		for _, s := range servers {
			s.mustRun()
		}
		if time.Now().Before(until) {
			return errors.New("not yet")
		}
		return nil
	})
}

// agree compares what all servers have, to the revision.
func agree(t *testing.T, servers map[string]*runningServer, want []string) {
	t.Helper()
	var all map[string]string
	for _, s := range servers {
		has, err := s.objects(t.Context())
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(has)), want) {
			t.Errorf("%s has %v, %v; want %v", s.name, has, err, want)
		}
		if all == nil {
			all = has
		}
		if !maps.Equal(has, all) {
			t.Errorf("%s has %v; want %v", s.name, has, all)
		}
	}
}

func turnsOf(t *testing.T, s *runningServer) map[string]turn {
	t.Helper()
	all := map[string]turn{}
	for _, lease := range leases {
		eventually(t, "somebody holds "+lease, func() error {
			now, err := s.turn(t.Context(), lease)
			all[lease] = now
			return err
		})
	}
	return all
}
