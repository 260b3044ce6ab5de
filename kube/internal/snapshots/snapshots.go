// Package snapshots keeps snapshots of the datastore: saves them, by hand and by schedule, lists and deletes them. The
// names are k3s's.
package snapshots

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/files"
)

// A Source is a datastore that can be saved.
type Source interface {
	// SaveSnapshot writes a file that is not there yet, whole and checked.
	SaveSnapshot(ctx context.Context, file string) error
}

// A Keeper keeps the snapshots of one server.
type Keeper struct {
	NodeName string
	Defaults config.Snapshots
	Source   Source
	// Others returns the snapshots of the other servers; with an error, those of which it could learn. nil is none.
	Others func(ctx context.Context) ([]File, error)

	saving sync.Mutex
}

// A Snapshot is one that is kept.
type Snapshot struct {
	Name     string
	Node     string // "s3" where only S3 has it
	Location string // file:///PATH, or s3://BUCKET/PATH
	Size     int64
	Created  time.Time
}

// zipped is the suffix of a compressed snapshot.
const zipped = ".zip"

// A file's name ends in the seconds since 1970 when it was saved.
var fileName = regexp.MustCompile(`^(.+)-(\d{9,12})(\.zip)?$`)

// errBusy says that one is being saved.
var errBusy = errors.New("another snapshot is being saved: try again when it is there")

// with is the configuration of one request: what it does not say is the server's.
func (k *Keeper) with(r Request) (config.Snapshots, error) {
	c := k.Defaults
	if len(r.Name) > 0 {
		c.Name = r.Name[0]
	}
	if r.Dir != nil && *r.Dir != "" {
		c.Dir = *r.Dir
	}
	if r.Compress != nil {
		c.Compress = *r.Compress
	}
	if r.Retention != nil {
		c.Retention = *r.Retention
	}
	return c, c.CheckPlace()
}

// prefix is what the names of this server's snapshots of one kind begin with.
func (k *Keeper) prefix(c config.Snapshots) (string, error) {
	return c.Name + "-" + k.NodeName, config.CheckSnapshotName("--name", c.Name)
}

// save saves one, and then deletes those that are more than are to be kept.
func (k *Keeper) save(ctx context.Context, c config.Snapshots) (result Result, err error) {
	prefix, err := k.prefix(c)
	if err != nil {
		return result, err
	}
	if !k.saving.TryLock() {
		return result, errBusy
	}
	defer k.saving.Unlock()
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return result, err
	}
	removeUnfinished(c.Dir, k.unfinished())
	defer removeUnfinished(c.Dir, k.unfinished())
	name, err := freeName(c.Dir, prefix)
	if err != nil {
		return result, err
	}
	// Names with a dot in front are nobody's snapshot.
	temporary := filepath.Join(c.Dir, k.unfinished()+name)
	if err := k.Source.SaveSnapshot(ctx, temporary); err != nil {
		return result, fmt.Errorf("the datastore cannot be saved to %s (is the disk full?): %w", c.Dir, err)
	}
	if c.Compress {
		if err := compress(temporary, name, temporary+zipped); err != nil {
			return result, fmt.Errorf("the snapshot cannot be compressed (is the disk full?): %w", err)
		}
		temporary, name = temporary+zipped, name+zipped
	}
	if err := os.Rename(temporary, filepath.Join(c.Dir, name)); err != nil {
		return result, err
	}
	if err := files.SyncDir(c.Dir); err != nil {
		return result, err
	}
	result.Created = []string{name}
	if result.Deleted, err = prune(c.Dir, prefix, c.Retention); err != nil || !c.S3.Enabled {
		return result, err
	}
	far, err := openBucket(c.S3)
	if err == nil {
		err = far.upload(ctx, filepath.Join(c.Dir, name))
	}
	if err != nil {
		return result, fmt.Errorf("the snapshot %s is in %s, and not in S3: %w", name, c.Dir, err)
	}
	err = far.prune(ctx, prefix, &result)
	return result, err
}

// pruneAll deletes those that are more than are to be kept, here and in S3.
func (k *Keeper) pruneAll(ctx context.Context, c config.Snapshots) (result Result, err error) {
	prefix, err := k.prefix(c)
	if err != nil {
		return result, err
	}
	if result.Deleted, err = prune(c.Dir, prefix, c.Retention); err != nil || !c.S3.Enabled {
		return result, err
	}
	far, err := openBucket(c.S3)
	if err != nil {
		return result, err
	}
	err = far.prune(ctx, prefix, &result)
	return result, err
}

// listAll returns those of this server and those in S3. Where S3 does not answer, that is the problem, and the others
// are there.
func (k *Keeper) listAll(ctx context.Context, c config.Snapshots) (all []Snapshot, problem, err error) {
	if all, err = list(c.Dir, k.NodeName); err != nil || !c.S3.Enabled {
		return all, nil, err
	}
	far, err := openBucket(c.S3)
	if err != nil {
		return all, err, nil
	}
	there, problem := far.list(ctx)
	return append(all, there...), problem, nil
}

// unfinished is what the names of this server's begin with that are being saved. Other servers may save to the same
// directory at the same time, where it is one of the network. No name of a node has a _.
func (k *Keeper) unfinished() string { return ".saving-" + k.NodeName + "_" }

// removeUnfinished is for what this try or one that a power cut ended has left.
func removeUnfinished(dir, prefix string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// freeName is a name of this second, or of a later one than the newest has: a clock that was set back must not make the
// newest snapshot the one that is deleted first.
func freeName(dir, prefix string) (string, error) {
	all, err := list(dir, "")
	if err != nil {
		return "", err
	}
	at := time.Now().Unix()
	for _, s := range all {
		if belongs(s.Name, prefix) {
			at = max(at, s.Created.Unix()+1)
		}
	}
	return fmt.Sprintf("%s-%d", prefix, at), nil
}

// list returns the snapshots of a directory, the oldest first.
func list(dir, node string) (all []Snapshot, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		at, ok := savedAt(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // deleted meanwhile
		}
		all = append(all, Snapshot{
			Name: e.Name(), Node: node, Location: "file://" + filepath.Join(dir, e.Name()), Size: info.Size(), Created: at,
		})
	}
	sortByAge(all)
	return all, nil
}

func sortByAge(all []Snapshot) {
	slices.SortFunc(all, func(a, b Snapshot) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
}

// savedAt is when a snapshot of that name was saved, and whether it is a name of one.
func savedAt(name string) (at time.Time, ok bool) {
	parts := fileName.FindStringSubmatch(name)
	if parts == nil || strings.HasPrefix(name, ".") {
		return at, false
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	return time.Unix(seconds, 0).UTC(), err == nil
}

// belongs tells whether a snapshot is one of the kind and of the server that prefix stands for.
func belongs(name, prefix string) bool {
	parts := fileName.FindStringSubmatch(name)
	return parts != nil && parts[1] == prefix
}

// superfluous are the snapshots of a kind that are more than are to be kept. Zero keeps all.
func superfluous(all []Snapshot, prefix string, retention int) (old []Snapshot) {
	for _, s := range all {
		if belongs(s.Name, prefix) {
			old = append(old, s)
		}
	}
	if retention == 0 || len(old) <= retention {
		return nil
	}
	return old[:len(old)-retention]
}

// prune deletes the oldest ones of a kind.
func prune(dir, prefix string, retention int) (deleted []string, err error) {
	all, err := list(dir, "")
	if err != nil {
		return nil, err
	}
	for _, s := range superfluous(all, prefix, retention) {
		if err := os.Remove(filepath.Join(dir, s.Name)); err != nil {
			return deleted, err
		}
		deleted = append(deleted, s.Name)
	}
	return deleted, nil
}

// remove deletes snapshots by their names, wherever they are. Each must be somewhere.
func (k *Keeper) remove(ctx context.Context, c config.Snapshots, names []string) (result Result, err error) {
	for _, name := range names {
		if _, ok := savedAt(name); !ok || filepath.Base(name) != name {
			return result, fmt.Errorf("expected the name of a snapshot, got %q; `k3s etcd-snapshot ls` has them", name)
		}
	}
	all, problem, err := k.listAll(ctx, c)
	if err != nil {
		return result, err
	}
	var far *bucket // opened for the first that is there
	for _, name := range names {
		found := false
		for _, s := range all {
			if s.Name != name {
				continue
			}
			found = true
			if strings.HasPrefix(s.Location, "file://") {
				err = os.Remove(filepath.Join(c.Dir, name))
			} else {
				if far == nil {
					if far, err = openBucket(c.S3); err != nil {
						return result, err
					}
				}
				err = far.remove(ctx, name)
			}
			if err != nil {
				return result, err
			}
		}
		if !found && problem != nil {
			return result, problem
		}
		if !found {
			return result, fmt.Errorf("there is no snapshot %s in %s of this server: one of another server is deleted there, or with"+
				" --etcd-server", name, c.Dir)
		}
		result.add([]string{name})
	}
	if _, err := os.Stat(c.Dir); err != nil {
		return result, nil // all were in S3
	}
	return result, files.SyncDir(c.Dir)
}
