package pki

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestInspectAndSetAside(t *testing.T) {
	s := newTestStore(t)
	s.Etcd = true
	ensure(t, s)
	dataDir := filepath.Dir(s.Agent)
	inspect := func(later time.Duration, names ...string) map[string]Certificate {
		t.Helper()
		all, damaged, err := Inspect(dataDir, names, time.Now().Add(later))
		if err != nil || len(damaged) > 0 {
			t.Fatal(damaged, err)
		}
		byName := map[string]Certificate{}
		for _, c := range all {
			byName[c.Filename] = c
		}
		return byName
	}
	all := inspect(0)
	// All leaves, four authorities, and the two of them that a node has copies of.
	if len(all) != len(s.leaves())+6 {
		t.Errorf("%d certificates: %v", len(all), all)
	}
	for name, want := range map[string]string{
		"server/tls/server-ca.crt": "CertSign", "server/tls/client-admin.crt": "ClientAuth", "agent/serving-kubelet.crt": "ServerAuth",
		"server/tls/etcd/peer-server-client.crt": "ServerAuth,ClientAuth",
	} {
		if c := all[name]; strings.Join(c.Usages, ",") != want || c.Status != StatusOK {
			t.Errorf("%s: %+v; want %s", name, c, want)
		}
	}
	const admin = "server/tls/client-admin.crt"
	for later, want := range map[time.Duration]string{
		leafLife - WarnBefore - time.Hour: StatusOK, leafLife - WarnBefore + time.Hour: StatusWarning,
		leafLife + time.Hour: StatusExpired, -2 * backdate: StatusNotYetValid,
	} {
		if got := inspect(later, "admin")[admin].Status; got != want {
			t.Errorf("after %s: %s; want %s", later, got, want)
		}
	}
	if some := inspect(0, "kubelet", "scheduler"); len(some) != 3 {
		t.Errorf("%v; want those of the two services", some)
	}

	moved, dirs, err := SetAside(dataDir, []string{"admin", "kubelet"}, time.Now())
	slices.Sort(moved)
	if want := []string{Admin, Kubelet, KubeletServing}; err != nil || !slices.Equal(moved, want) || len(dirs) != 2 {
		t.Errorf("moved %v to %v, %v; want %v", moved, dirs, err, want)
	}
	if again := ensure(t, s); len(again) != 3 {
		t.Errorf("the next start made %v; want what was moved", again)
	}
	if now := inspect(0); len(now) != len(all) {
		t.Errorf("%d certificates; want no more than before", len(now))
	}
	if info, err := os.Stat(dirs[0]); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; want keys for root only", info, err)
	}
	ca, _ := os.ReadFile(s.CertFile(ServerCA))
	if moved, _, err := SetAside(dataDir, nil, time.Now().Add(time.Second)); err != nil || len(moved) != len(s.leaves()) {
		t.Errorf("moved %v, %v; want all leaves", moved, err)
	}
	if _, _, err := SetAside(dataDir, nil, time.Now().Add(2*time.Second)); err == nil || !strings.Contains(err.Error(), "A start of k3s makes new ones") {
		t.Errorf("%v; want the way out, when all are set aside", err)
	}
	ensure(t, s)
	if now, _ := os.ReadFile(s.CertFile(ServerCA)); string(now) != string(ca) {
		t.Error("the authority is another one")
	}
	if _, _, err := SetAside(dataDir, []string{"nonsense"}, time.Now()); err == nil || !strings.Contains(err.Error(), "scheduler") {
		t.Errorf("%v; want the services there are", err)
	}
	if _, _, err := Inspect(t.TempDir(), nil, time.Now()); err == nil {
		t.Error("no error without certificates")
	}
}

func TestADamagedCertificateCostsItselfAlone(t *testing.T) {
	s := newTestStore(t)
	ensure(t, s)
	if err := os.WriteFile(s.CertFile(Admin), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all, damaged, err := Inspect(filepath.Dir(s.Agent), nil, time.Now())
	if err != nil || len(damaged) != 1 || len(all) == 0 {
		t.Errorf("%v, %v, %v; want one that is damaged", all, damaged, err)
	}
}
