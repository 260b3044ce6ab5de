package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k3os.io/kube/internal/pki"
)

func TestAServerThatJoinsHasWhatTheOthersHave(t *testing.T) {
	w := newWire(t)
	dir := shortDir(t)
	dirOf := map[string]string{"s1": filepath.Join(dir, "1"), "s2": filepath.Join(dir, "2")}
	one := w.host(1).serve(dirOf["s1"], "--cluster-init", "--secrets-encryption", "--disable=metrics-server")
	one.awaitReady()
	join := []string{"--server=https://" + one.ip + ":6443", "--token=" + clusterToken}

	third := w.host(3)
	for flag, want := range map[string]string{
		"--disable=servicelb":          "the metrics-server is enabled here, and the servers of the cluster have --disable=me",
		"--disable-controller-manager": "--disable-controller-manager is given here, and the servers of the cluster run the",
	} {
		out, err := third.run(append([]string{
			"server", "--disable-agent", "--data-dir=" + filepath.Join(dir, "3"), "--node-name=s3", "--node-ip=" + third.ip,
			flag,
		}, join...)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s; want %q", flag, err, out, want)
		}
	}

	two := w.host(2).serve(dirOf["s2"], join[0])
	two.awaitReady()
	keys := func(name string) string {
		b, err := os.ReadFile(pki.EncryptionFile(filepath.Join(dirOf[name], "server")))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if keys("s1") != keys("s2") {
		t.Error("the servers have different keys for Secrets")
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"k": "v"}}
	if _, err := two.client.CoreV1().Secrets("default").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before := keys("s1")
	t.Log(strings.TrimSpace(two.must("secrets-encrypt", "rotate-keys", "--data-dir="+dirOf["s2"])))
	if keys("s1") == before || keys("s1") != keys("s2") {
		t.Error("the keys are not those of both after a change")
	}
	for _, s := range []*runningServer{one, two} {
		got, err := s.client.CoreV1().Secrets("default").Get(t.Context(), "s", metav1.GetOptions{})
		if err != nil || string(got.Data["k"]) != "v" {
			t.Errorf("%s has %v, %v; want the Secret", s.name, got, err)
		}
	}

	for _, s := range []*runningServer{one, two} {
		s.must("etcd-snapshot", "save", "--data-dir="+dirOf[s.name])
	}
	list := one.must("etcd-snapshot", "ls", "--data-dir="+dirOf["s1"])
	if !strings.Contains(list, "on-demand-s1-") || !strings.Contains(list, "on-demand-s2-") {
		t.Errorf("%s; want the snapshots of both", list)
	}
}
