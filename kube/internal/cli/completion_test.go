package cli

import (
	"errors"
	"strings"
	"testing"
)

func TestComplete(t *testing.T) {
	kubectl := func(words []string) (string, error) {
		if strings.Join(words, " ") != "get no" {
			return "", errors.New("kubectl is asked for something else: " + strings.Join(words, " "))
		}
		return "nodes\tmachines of the cluster\n:4\n", nil
	}
	for _, tt := range []struct{ line, want string }{
		{"", "server agent kubectl crictl ctr etcd-snapshot token certificate secrets-encrypt completion"},
		{"ku", "kubectl"},
		{"kubectl get no", "nodes"},
		{"server --cluster-i", "--cluster-init"},
		{"server --debug --node-t", "--node-taint"},
		{"agent --cluster-i", ""},
		{"agent --node-t", "--node-taint"},
		{"completion ", "bash fish zsh"},
		{"crictl p", ""},
	} {
		var out strings.Builder
		err := complete(&out, strings.Split(tt.line, " "), kubectl)
		got := strings.Join(strings.Fields(out.String()), " ")
		if err != nil || got != tt.want {
			t.Errorf("complete(%q) = %q, %v; want %q", tt.line, got, err, tt.want)
		}
	}
}

func TestCompletionOfAnUnknownShell(t *testing.T) {
	for _, args := range [][]string{{"completion"}, {"completion", "tcsh"}, {"completion", "bash", "x"}} {
		if err := runCompletion(args); err == nil || !strings.Contains(err.Error(), "bash, fish, zsh") {
			t.Errorf("%q = %v; want the shells that there are", args, err)
		}
	}
}
