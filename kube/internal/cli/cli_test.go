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
	for _, name := range strings.Fields("server agent kubectl crictl ctr token certificate secrets-encrypt etcd-snapshot completion") {
		if !known[name] {
			t.Errorf("k3s %s is missing", name)
		}
	}
	for _, name := range strings.Fields("check-config") {
		err := dispatch([]string{"k3s", name}, io.Discard)
		if err == nil || !strings.Contains(err.Error(), unsupported[name]) || unsupported[name] == "" {
			t.Errorf("k3s %s = %v; want the reason why it is not there", name, err)
		}
	}
}

func TestACommandByTheNameOfTheProgram(t *testing.T) {
	err := dispatch([]string{"/usr/bin/k3s-etcd-snapshot", "restore"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "expected save, ls, delete or prune") {
		t.Errorf("k3s-etcd-snapshot = %v; want what k3s etcd-snapshot says", err)
	}
}

func TestSnapshotRefusesWhatItDoesNotKnow(t *testing.T) {
	for args, want := range map[string]string{
		"save today":          `"today" is no flag`,
		"delete":              "which one?",
		"ls -o yaml":          "expected json",
		"save --compression":  "unknown flag",
		"save --s3":           "start it with --etcd-s3",
		"ls --data-dir /none": "there is no server in /none",
	} {
		if err := snapshot(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("k3s etcd-snapshot %s = %v; want %q", args, err, want)
		}
	}
	var help strings.Builder
	if err := snapshot(nil, &help); err != nil || !strings.Contains(help.String(), "k3s etcd-snapshot save") {
		t.Errorf("%v, %q; want the help", err, help.String())
	}
}

func TestWriteList(t *testing.T) {
	var text strings.Builder
	answer := `{"items":[{"spec":{"snapshotName":"a-n-1700000000","location":"file:///x"},"status":{"size":"12","creationTime":"2023-11-14T22:13:20Z"}}]}`
	if err := writeList(&text, []byte(answer), false); err != nil {
		t.Fatal(err)
	}
	want := "Name            Location   Size  Created\na-n-1700000000  file:///x  12    2023-11-14T22:13:20Z\n"
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", text.String(), want)
	}
}
