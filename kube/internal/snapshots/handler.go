package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"k3os.io/kube/internal/config"
)

// What can be asked, as k3s has it.
const (
	Save   = "save"
	List   = "list"
	Delete = "delete"
	Prune  = "prune"
)

// A Request is the body of a POST. What it leaves out is as the server was started.
type Request struct {
	Operation string   `json:"operation"`
	Name      []string `json:"name,omitempty"` // what to delete; otherwise the first is the name of a kind
	Dir       *string  `json:"dir,omitempty"`
	Compress  *bool    `json:"compress,omitempty"`
	Retention *int     `json:"retention,omitempty"`
	// Own asks for the files of the server that is asked, and for nothing else. It is not one of k3s's.
	Own bool `json:"own,omitempty"`
}

// A Result are names.
type Result struct {
	Created []string `json:"created,omitempty"`
	Deleted []string `json:"deleted,omitempty"`
}

// add notes names that were deleted; one that was deleted in two places is one.
func (r *Result) add(deleted []string) {
	for _, name := range deleted {
		if !slices.Contains(r.Deleted, name) {
			r.Deleted = append(r.Deleted, name)
		}
	}
}

// Files is the answer to List, in the form of k3s's objects.
type Files struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []File `json:"items"`
	// Warning is why some are missing.
	Warning string `json:"warning,omitempty"`
}

// A File is one snapshot.
type File struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Spec struct {
		SnapshotName string `json:"snapshotName"`
		NodeName     string `json:"nodeName"`
		Location     string `json:"location"`
	} `json:"spec"`
	Status struct {
		Size         string    `json:"size"` // bytes
		CreationTime time.Time `json:"creationTime"`
		ReadyToUse   bool      `json:"readyToUse"`
	} `json:"status"`
}

func fileOf(s Snapshot) (f File) {
	f.Metadata.Name, f.Spec.SnapshotName, f.Spec.NodeName, f.Spec.Location = s.Name, s.Name, s.Node, s.Location
	f.Status.Size, f.Status.CreationTime, f.Status.ReadyToUse = fmt.Sprint(s.Size), s.Created, true
	return f
}

const maxBody = 64 << 10

// ServeHTTP answers whoever may ask; that is decided before.
func (k *Keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request := Request{Operation: List}
	if r.Method == http.MethodPost {
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&request); err != nil {
			http.Error(w, "expected a request about snapshots in JSON", http.StatusBadRequest)
			return
		}
	}
	// Whoever asked may go away; a snapshot that has begun is finished.
	said, err := k.Do(context.WithoutCancel(r.Context()), request)
	if err != nil {
		fmt.Fprintf(os.Stderr, "k3s: snapshots: %v\n", err)
		status := http.StatusInternalServerError
		if errors.Is(err, errBusy) {
			status = http.StatusConflict
		}
		http.Error(w, oneLine(err), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(said)
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Do does what is asked, and returns a Result or, for List, Files.
func (k *Keeper) Do(ctx context.Context, r Request) (any, error) {
	c, err := k.with(r)
	if err != nil {
		return nil, err
	}
	switch r.Operation {
	case Save:
		return k.logged(k.save(ctx, c))
	case Prune:
		return k.logged(k.pruneAll(ctx, c))
	case Delete:
		if len(r.Name) == 0 {
			return nil, errors.New("which snapshot? `k3s etcd-snapshot ls` has their names")
		}
		return k.logged(k.remove(ctx, c, r.Name))
	case List:
		if r.Own {
			c.S3.Enabled = false
		}
		// Another server has other directories.
		return k.list(ctx, c, !r.Own && r.Dir == nil)
	}
	return nil, fmt.Errorf("expected save, list, delete or prune, got %q", r.Operation)
}

func (k *Keeper) list(ctx context.Context, c config.Snapshots, everywhere bool) (Files, error) {
	found := Files{APIVersion: "k3s.cattle.io/v1", Kind: "ETCDSnapshotFileList", Items: []File{}}
	all, problem, err := k.listAll(ctx, c)
	if err != nil {
		return found, err
	}
	for _, s := range all {
		found.Items = append(found.Items, fileOf(s))
	}
	if everywhere && k.Others != nil {
		others, missing := k.Others(ctx)
		found.Items = append(found.Items, others...)
		problem = errors.Join(problem, missing)
	}
	if problem != nil {
		found.Warning = oneLine(problem)
	}
	return found, nil
}

// logged notes what was done, also when not all of it was.
func (k *Keeper) logged(r Result, err error) (any, error) {
	for _, name := range r.Created {
		fmt.Fprintf(os.Stderr, "k3s: saved snapshot %s\n", name)
	}
	for _, name := range r.Deleted {
		fmt.Fprintf(os.Stderr, "k3s: deleted snapshot %s\n", name)
	}
	return r, err
}
