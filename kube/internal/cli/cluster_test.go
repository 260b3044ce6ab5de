package cli

import (
	"bytes"
	"strings"
	"testing"
)

func TestCommandsAboutTheClusterExplain(t *testing.T) {
	run := map[string]func(args []string, out *bytes.Buffer) error{
		"token": func(args []string, out *bytes.Buffer) error {
			return tokenCommand(args, strings.NewReader(""), out, out)
		},
		"certificate":     func(args []string, out *bytes.Buffer) error { return certificateCommand(args, out, out) },
		"secrets-encrypt": func(args []string, out *bytes.Buffer) error { return encryptionCommand(args, out) },
	}
	for _, test := range []struct{ line, out, err string }{
		{"token --help", "k3s token create", ""},
		{"token create --help", "--ttl TIME", ""},
		{"token list --output=xml", "", "expected text, json or yaml"},
		{"token list --nonsense", "", "`k3s token list --help` lists the flags"},
		{"token generate", ".", ""},
		{"token --data-dir=/nowhere", "", "/nowhere/server/token"},
		{"token --nonsense", "", "`k3s token --help` lists the flags"},
		{"token delete", "", "`k3s token list` shows"},
		{"token frobnicate", "", "expected create, list, delete, generate or rotate"},
		{"token rotate --help", "--new-token SECRET", ""},
		{"certificate", "k3s certificate check", ""},
		{"certificate check --data-dir=/nowhere", "", "there are no certificates below /nowhere"},
		{"certificate check --help", "kube-proxy", ""},
		{"certificate rotate-ca --path=/x", "", "is not part of this build"},
		{"secrets-encrypt", "rotate-keys", ""},
		{"secrets-encrypt reencrypt", "", "`k3s secrets-encrypt rotate-keys` does all of them"},
		{"secrets-encrypt status --help", "--server URL", ""},
		{"secrets-encrypt status more", "", `"more" is one argument too many`},
	} {
		words := strings.Fields(test.line)
		var out bytes.Buffer
		err := run[words[0]](words[1:], &out)
		if !strings.Contains(out.String(), test.out) {
			t.Errorf("k3s %s prints %q; want %q in it", test.line, out.String(), test.out)
		}
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("k3s %s: %v; want %q", test.line, err, test.err)
		}
	}
}
