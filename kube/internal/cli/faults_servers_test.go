package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// A runningServer is `k3s server` on a machine.
type runningServer struct {
	*host
	args   []string
	log    string
	cmd    *exec.Cmd
	ended  chan error
	isOver bool // it was told to stop
	config *rest.Config
	client kubernetes.Interface
}

// serve starts a server that runs no pods, and stops it when the test ends.
func (h *host) serve(dir string, args ...string) *runningServer {
	t := h.w.t
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	s := &runningServer{host: h, log: filepath.Join(t.TempDir(), "log"), args: append([]string{
		"server", "--disable-agent", "--data-dir=" + dir, "--write-kubeconfig=" + kubeconfig, "--token=" + clusterToken,
		"--node-name=" + h.name, "--node-ip=" + h.ip,
	}, args...)}
	s.start()
	t.Cleanup(func() {
		if s.hasEnded() {
			t.Errorf("%s has ended by itself", s.name)
		} else if !s.isOver {
			s.stop()
		}
		if t.Failed() {
			b, _ := os.ReadFile(s.log)
			t.Logf("%s said:\n%s", s.name, bytes.TrimSpace(b))
		}
	})
	eventually(t, s.name+" writes its kubeconfig", func() (err error) {
		s.mustRun()
		s.config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
		return err
	})
	s.config.Dial, s.config.QPS, s.config.Burst = h.dial, -1, -1
	var err error
	if s.client, err = kubernetes.NewForConfig(s.config); err != nil {
		t.Fatal(err)
	}
	return s
}

// start starts the process of a server. What it says goes to the end of the log.
func (s *runningServer) start() {
	s.w.t.Helper()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.w.t.Fatal(err)
	}
	defer log.Close()
	cmd, ended := s.program("k3s", s.args...), make(chan error, 1)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		s.w.t.Fatal(err)
	}
	s.cmd, s.ended, s.isOver = cmd, ended, false
	go func() { ended <- cmd.Wait() }()
}

// run runs another command of k3s on this machine, and returns what it prints.
func (h *host) run(args ...string) (string, error) {
	h.w.t.Helper()
	out, err := h.program("k3s", args...).CombinedOutput()
	return string(out), err
}

// must is run with a command that has to succeed.
func (h *host) must(args ...string) string {
	h.w.t.Helper()
	out, err := h.run(args...)
	if err != nil {
		h.w.t.Fatalf("k3s %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// stop stops the server as a machine does that is switched off.
func (s *runningServer) stop() {
	s.w.t.Helper()
	s.isOver = true
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-s.ended; err != nil {
		s.w.t.Errorf("%s ended with %v", s.name, err)
	}
}

// hasEnded leaves the end for the next one who asks.
func (s *runningServer) hasEnded() bool {
	select {
	case err := <-s.ended:
		s.ended <- err
		return true
	default:
		return false
	}
}

func (s *runningServer) mustRun() {
	s.w.t.Helper()
	if s.hasEnded() {
		s.w.t.Fatalf("%s has ended", s.name)
	}
}

// ready returns what keeps the API of this server from being ready, as it says it.
func (s *runningServer) ready(ctx context.Context) error {
	b, err := s.client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
	if err == nil && string(b) != "ok" {
		err = fmt.Errorf("/readyz says %q", b)
	}
	return err
}

// awaitReady returns how long it took until the API was ready.
func (s *runningServer) awaitReady() time.Duration {
	s.w.t.Helper()
	return eventually(s.w.t, s.name+" is ready", func() error {
		s.mustRun()
		return s.ready(s.w.t.Context())
	})
}

// said tells how often the log of a server has the text.
func (s *runningServer) said(text string) int {
	b, err := os.ReadFile(s.log)
	if err != nil {
		s.w.t.Fatal(err)
	}
	return bytes.Count(b, []byte(text))
}

// put writes an object by this server.
func (s *runningServer) put(ctx context.Context, name string) error {
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"by": s.name}}
	_, err := s.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).Create(ctx, object, metav1.CreateOptions{})
	return err
}

// write is put within a patience. It may find what a try before has written, which was not in vain, only late.
func (s *runningServer) write(ctx context.Context, name string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := s.put(ctx, name)
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// awaitWrite returns how long it took until an object was written.
func (s *runningServer) awaitWrite(name string) time.Duration {
	s.w.t.Helper()
	return eventually(s.w.t, s.name+" writes", func() error {
		s.mustRun()
		return s.write(s.w.t.Context(), name, 5*time.Second)
	})
}

// objects are those that this server has of the namespace default: the revision of each, which is that of etcd.
func (s *runningServer) objects(ctx context.Context) (map[string]string, error) {
	list, err := s.client.CoreV1().ConfigMaps(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, one := range list.Items {
		all[one.Name] = one.ResourceVersion + " by " + one.Data["by"]
	}
	return all, nil
}

// A turn is who has a lease, and how often it went to another one.
type turn struct {
	holder      string // the server
	transitions int32
}

func (s *runningServer) turn(ctx context.Context, lease string) (t turn, err error) {
	l, err := s.client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, lease, metav1.GetOptions{})
	if err != nil {
		return t, err
	}
	if l.Spec.HolderIdentity == nil || *l.Spec.HolderIdentity == "" {
		return t, fmt.Errorf("nobody holds %s", lease)
	}
	t.holder, _, _ = strings.Cut(*l.Spec.HolderIdentity, "-")
	if l.Spec.LeaseTransitions != nil {
		t.transitions = *l.Spec.LeaseTransitions
	}
	return t, nil
}

// loseTo writes that another one has a lease, which does not renew it, but keeps it until this server has given up.
func (s *runningServer) loseTo(lease, holder string) {
	s.w.t.Helper()
	patch := fmt.Sprintf(`{"spec": {"holderIdentity": %q, "leaseDurationSeconds": 40, "renewTime": %q}}`,
		holder, time.Now().UTC().Format(metav1.RFC3339Micro))
	eventually(s.w.t, lease+" is taken away", func() error {
		_, err := s.client.CoordinationV1().Leases(metav1.NamespaceSystem).
			Patch(s.w.t.Context(), lease, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
}
