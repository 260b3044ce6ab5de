package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/join"
)

// agents is how many join at once.
const agents = 20

// joinAgents joins them to the server, each with a directory of its own, and prints how long each took.
func joinAgents() int {
	server, dir := os.Args[1], os.Args[2]
	var (
		all  sync.WaitGroup
		took [agents]float64
		errs [agents]error
	)
	for i := range agents {
		all.Go(func() {
			name := fmt.Sprintf("agent-%d", i)
			cfg := config.Agent{
				Node: config.Node{DataDir: filepath.Join(dir, name)},
				Join: config.Join{ServerURL: server, Token: clusterToken},
			}
			began := time.Now()
			m, err := join.New(cfg, name, []net.IP{net.IPv4(10, 77, 0, byte(100+i))}, server)
			if err == nil {
				tell := func(reason string) { fmt.Fprintf(os.Stderr, "%s: %s\n", name, reason) }
				_, err = m.Join(context.Background(), tell)
			}
			took[i], errs[i] = time.Since(began).Seconds(), err
		})
	}
	all.Wait()
	for i, err := range errs {
		if err != nil {
			fmt.Fprintf(os.Stderr, "agent-%d: %v\n", i, err)
			return 1
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(took); err != nil {
		return 1
	}
	return 0
}

func TestTwentyAgentsJoinAtOnce(t *testing.T) {
	w := newWire(t)
	s := w.host(1).serve(filepath.Join(shortDir(t), "1"), "--cluster-init")
	s.awaitReady()
	var out, reasons bytes.Buffer
	cmd := w.host(2).program("agents", "https://"+s.ip+":6443", t.TempDir())
	cmd.Stdout, cmd.Stderr = &out, &reasons
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var slowest time.Duration
	for isDone := false; !isDone; {
		began := time.Now()
		if err := within(t, 10*time.Second, s.ready); err != nil {
			t.Errorf("the server is not ready: %v", err)
		}
		slowest = max(slowest, time.Since(began))
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v: %s", err, reasons.String())
			}
			isDone = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	var took []float64
	if err := json.Unmarshal(out.Bytes(), &took); err != nil {
		t.Fatalf("%v: %q", err, out.String())
	}
	slices.Sort(took)
	for what, seconds := range map[string]float64{
		"first": took[0], "median": took[len(took)/2], "last": took[len(took)-1],
	} {
		measured(t, "20 agents at once: joined, "+what, time.Duration(seconds*float64(time.Second)))
	}
	measured(t, "20 agents at once: the server answers /readyz, slowest", slowest)
	t.Logf("%d were told to come again", bytes.Count(reasons.Bytes(), []byte("\n")))
	secrets, err := s.client.CoreV1().Secrets(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	names := slices.DeleteFunc(secrets.Items, func(one corev1.Secret) bool {
		return !strings.HasPrefix(one.Name, "agent-") || !strings.HasSuffix(one.Name, ".node-password.k3s")
	})
	if len(names) != agents {
		t.Errorf("%d passwords are kept; want %d", len(names), agents)
	}
}
