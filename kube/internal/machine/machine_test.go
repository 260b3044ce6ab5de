package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMachineKeepsItsID(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node", "id")
	first, err := nodeID(file)
	if err != nil || !nodeIDs.MatchString(first) {
		t.Fatalf("nodeID = %q, %v; want eight digits", first, err)
	}
	if second, err := nodeID(file); err != nil || second != first {
		t.Errorf("nodeID = %q, %v; want %q again", second, err, first)
	}
	if err := os.WriteFile(file, []byte("../x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := nodeID(file); err == nil || !strings.Contains(err.Error(), "eight hexadecimal digits") {
		t.Errorf("nodeID = %v; want an error for what is no id", err)
	}
}
