package server

import (
	"errors"
	"strings"
	"testing"

	"k3os.io/kube/internal/snapshots"
)

func TestSnapshotsOfOtherServersAreThereAsFarAsTheyAnswer(t *testing.T) {
	hosts := map[string]string{"c": "10.0.0.3", "a": "10.0.0.1", "b": "10.0.0.2"}
	files, err := gather(hosts, func(host string) ([]snapshots.File, error) {
		if host == "10.0.0.2" {
			return nil, errors.New("it is off")
		}
		var f snapshots.File
		f.Spec.Location = host
		return []snapshots.File{f}, nil
	})
	if len(files) != 2 || files[0].Spec.Location != "10.0.0.1" || files[1].Spec.Location != "10.0.0.3" {
		t.Errorf("%v; want those of a and c", files)
	}
	if err == nil || !strings.Contains(err.Error(), "server b are missing: it is off") {
		t.Errorf("%v; want the one that does not answer", err)
	}
}
