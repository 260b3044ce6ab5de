package cli

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// asProgram tells the test's own program to be another one, so that what is tried is a process as on a node.
const asProgram = "K3OS_TEST_PROGRAM"

func TestMain(m *testing.M) {
	switch os.Getenv(asProgram) {
	case "k3s":
		os.Exit(Main(append([]string{"k3s"}, os.Args[1:]...)))
	case "agents":
		os.Exit(joinAgents())
	}
	os.Exit(m.Run())
}

// clusterToken is that of all clusters here.
const clusterToken = "faults"

// patience is for what a loaded machine does late, and must do.
const patience = 4 * time.Minute

// A wire connects machines, each a network of its own in this kernel, as a switch does.
type wire struct {
	t    *testing.T
	name string
}

// newWire skips the test unless it is asked for: with real servers it takes minutes.
func newWire(t *testing.T) *wire {
	t.Helper()
	if os.Getenv("K3OS_FAULTS") == "" {
		t.Skip("takes minutes: K3OS_FAULTS=1 runs it, as root")
	}
	if os.Getuid() != 0 {
		t.Fatal("expected root, which makes networks")
	}
	w := &wire{t, fmt.Sprintf("k3s-%d", os.Getpid())}
	w.add(w.name)
	w.ip("-n", w.name, "link", "add", "wire", "type", "bridge")
	w.ip("-n", w.name, "link", "set", "wire", "up")
	return w
}

func (w *wire) ip(args ...string) {
	w.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		w.t.Fatalf("ip %s: %s", strings.Join(args, " "), out)
	}
}

func (w *wire) add(namespace string) {
	w.t.Helper()
	w.ip("netns", "add", namespace)
	w.t.Cleanup(func() { w.ip("netns", "del", namespace) })
	w.ip("-n", namespace, "link", "set", "lo", "up")
}

// A host is a machine at the wire.
type host struct {
	w         *wire
	name, ip  string
	namespace string
	etc       string // its /etc
}

func (w *wire) host(number int) *host {
	w.t.Helper()
	h := &host{w: w, name: fmt.Sprintf("s%d", number), ip: fmt.Sprintf("10.77.0.%d", number), etc: w.t.TempDir()}
	h.namespace = w.name + "-" + h.name
	w.add(h.namespace)
	w.ip("link", "add", h.name, "netns", w.name, "type", "veth", "peer", "name", "eth0", "netns", h.namespace)
	w.ip("-n", h.namespace, "addr", "add", h.ip+"/24", "dev", "eth0")
	w.ip("-n", h.namespace, "link", "set", "eth0", "up")
	w.ip("-n", w.name, "link", "set", h.name, "up")
	h.join()
	return h
}

// cut takes the machine off the wire: what it sends and what is sent to it is lost, and nobody is told.
func (h *host) cut()  { h.w.ip("-n", h.w.name, "link", "set", h.name, "nomaster") }
func (h *host) join() { h.w.ip("-n", h.w.name, "link", "set", h.name, "master", "wire") }

// dial is a dialer's, from this machine.
func (h *host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	runtime.LockOSThread()
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return nil, err
	}
	defer own.Close()
	there, err := os.Open("/var/run/netns/" + h.namespace)
	if err != nil {
		return nil, err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	connection, err := (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
	if err := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, err // the thread ends with its goroutine, since it is still locked
	}
	runtime.UnlockOSThread()
	return connection, err
}

// program runs the test's own program as another one, on this machine, with directories of its own where a machine has
// its own: /etc stays from one to the next.
func (h *host) program(as string, args ...string) *exec.Cmd {
	h.w.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.w.t.Fatal(err)
	}
	const own = `mount --bind "$0" /etc && mount -t tmpfs own /run && exec "$@"`
	cmd := exec.Command("ip", append([]string{"netns", "exec", h.namespace, "sh", "-c", own, h.etc, self}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"="+as)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // where the test is ended from outside
	return cmd
}

// eventually returns how long it took, and fails the test if it takes too long.
func eventually(t *testing.T, what string, try func() error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := try()
		took := time.Since(began)
		switch {
		case err == nil:
			return took
		case took > patience:
			t.Fatalf("after %s: %s: %v", took.Round(time.Second), what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// measured notes a time, for the table that `./k3os bench server-faults` prints.
func measured(t *testing.T, what string, took time.Duration) {
	t.Helper()
	t.Logf("measured %s: %.1f s", what, took.Seconds())
}

// within is a request that has so much time.
func within(t *testing.T, patience time.Duration, ask func(context.Context) error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return ask(ctx)
}

// shortDir is for sockets, whose names have 107 bytes at most.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "k3s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
