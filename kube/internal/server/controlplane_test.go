package server

import (
	"context"
	"errors"
	"maps"
	"testing"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/parts"
)

func TestPartsOfAControlPlane(t *testing.T) {
	always := map[string]parts.Tier{
		"datastore": parts.Datastore, "credentials": parts.API, "options": parts.API, "kube-apiserver": parts.API,
		"API": parts.Clients, "nodes": parts.Clients, "node passwords": parts.Clients, "manifests": parts.Clients,
	}
	for _, tt := range []struct {
		name string
		cfg  config.ControlPlane
		more []string // clients
	}{
		{"everything", config.ControlPlane{},
			[]string{"node", "patience", "pod range", "overlay", "packaged components", "kube-controller-manager", "kube-scheduler"}},
		{"no node", config.ControlPlane{DisableAgent: true},
			[]string{"no node", "kube-controller-manager", "kube-scheduler"}},
		{"no scheduler", config.ControlPlane{DisableScheduler: true, DisableAgent: true},
			[]string{"no node", "kube-controller-manager"}},
		{"no controllers", config.ControlPlane{DisableControllerManager: true, DisableAgent: true},
			[]string{"no node", "k3s-controllers", "kube-scheduler"}},
	} {
		want := maps.Clone(always)
		for _, name := range tt.more {
			want[name] = parts.Clients
		}
		got := map[string]parts.Tier{}
		plane := &controlPlane{cfg: config.Server{ControlPlane: tt.cfg}, start: newStart()}
		for _, p := range plane.parts() {
			got[p.Name] = p.Tier
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v; want %v", tt.name, got, want)
		}
	}
}

// stubDatastore and stubCredentials are there at once, or fail.
type stubDatastore struct{ err error }

func (d stubDatastore) Open(context.Context) (datastore.Endpoint, error) {
	return datastore.Endpoint{}, d.err
}

type stubCredentials struct{ err error }

func (c stubCredentials) Ensure() ([]string, error) { return nil, c.err }
func (stubCredentials) Kubeconfig(string) string    { return "" }

// What waits for a part that fails is not started: there is nothing that an API server could be started with.
func TestAPartThatCannotStartEndsTheServerWithItsName(t *testing.T) {
	full := errors.New("the disk is full")
	for want, plane := range map[string]*controlPlane{
		"datastore: the disk is full":   {datastore: stubDatastore{full}, credentials: stubCredentials{}},
		"credentials: the disk is full": {datastore: stubDatastore{}, credentials: stubCredentials{full}},
	} {
		plane.cfg.DisableAgent = true
		plane.start = newStart()
		if err := parts.Run(t.Context(), plane.parts(), func() {}); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}
