package server

import (
	"errors"
	"strings"
	"testing"

	"k3os.io/kube/internal/snapshots"
)

func TestSnapshotsOfOtherServersAreThereAsFarAsTheyAnswer(t *testing.T) {
	hosts := map[string]string{"c": "10.0.0.3", "a": "10.0.0.1", "b": "10.0.0.2"}
	files, err := gather(hosts, func(host string) (snapshots.Files, error) {
		if host == "10.0.0.2" {
			return snapshots.Files{}, errors.New("it is off")
		}
		var own, ofAll snapshots.File
		own.Spec.Location, ofAll.Spec.Location = "file:///"+host, "s3://bucket/x" // of an earlier build
		list := snapshots.Files{Items: []snapshots.File{ofAll, own}}
		if host == "10.0.0.3" {
			list.Warning = "a directory cannot be read"
		}
		return list, nil
	})
	if len(files) != 2 || files[0].Spec.Location != "file:///10.0.0.1" || files[1].Spec.Location != "file:///10.0.0.3" {
		t.Errorf("%v; want those of a and c", files)
	}
	if err == nil || !strings.Contains(err.Error(), "server b are missing: it is off") {
		t.Errorf("%v; want the one that does not answer", err)
	}
	if err == nil || !strings.Contains(err.Error(), "server c: a directory cannot be read") {
		t.Errorf("%v; want what a server says itself", err)
	}
}
