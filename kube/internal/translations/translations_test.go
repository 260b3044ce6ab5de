package translations_test

import (
	"testing"

	_ "k8s.io/kubectl/pkg/cmd/options" // asks for messages when it is initialised
	"k8s.io/kubectl/pkg/util/i18n"

	"k3os.io/kube/internal/translations"
)

func TestInit(t *testing.T) {
	if !translations.Spared() {
		t.Error("kubectl's messages are loaded in a process that is not kubectl: it is initialised before this package")
	}
	if got := i18n.T("List the fields for supported resources"); got != "List the fields for supported resources" {
		t.Errorf("an untranslated message is %q", got)
	}
}

func TestIsKubectl(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want bool
	}{
		{[]string{"/usr/bin/kubectl", "get", "nodes"}, true},
		{[]string{"k3s", "kubectl"}, true},
		{[]string{"/usr/bin/k3s", "server"}, false},
		{[]string{"k3s"}, false},
		{nil, false},
	} {
		if got := translations.IsKubectl(tt.args); got != tt.want {
			t.Errorf("IsKubectl(%q) = %v; want %v", tt.args, got, tt.want)
		}
	}
}
