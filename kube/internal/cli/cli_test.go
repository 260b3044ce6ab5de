package cli

import (
	"io"
	"strings"
	"testing"
)

func TestEveryCommandOfK3sIsAnswered(t *testing.T) {
	known := map[string]bool{}
	for _, c := range commands() {
		known[c.name] = true
	}
	for _, name := range strings.Fields("server agent kubectl crictl ctr token certificate secrets-encrypt completion") {
		if !known[name] {
			t.Errorf("k3s %s is missing", name)
		}
	}
	for _, name := range strings.Fields("check-config etcd-snapshot") {
		err := dispatch([]string{"k3s", name}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), unsupported[name]) || unsupported[name] == "" {
			t.Errorf("k3s %s = %v; want the reason why it is not there", name, err)
		}
	}
}

func TestACommandByTheNameOfTheProgram(t *testing.T) {
	err := dispatch([]string{"/usr/bin/k3s-etcd-snapshot", "save"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), unsupported["etcd-snapshot"]) {
		t.Errorf("k3s-etcd-snapshot = %v; want what k3s etcd-snapshot says", err)
	}
}
