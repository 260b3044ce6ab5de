package cli

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// A slowNode is a file or directory whose syncs take as long as told.
type slowNode struct {
	*fs.LoopbackNode
	syncs *slowSyncs
}

type slowSyncs struct {
	delay  atomic.Int64 // a time.Duration
	number atomic.Int64
}

func (n *slowNode) WrapChild(_ context.Context, child fs.InodeEmbedder) fs.InodeEmbedder {
	return &slowNode{child.(*fs.LoopbackNode), n.syncs}
}

// Fsync is that of files and directories.
func (n *slowNode) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	n.syncs.number.Add(1)
	time.Sleep(time.Duration(n.syncs.delay.Load()))
	if file, ok := f.(fs.FileFsyncer); ok {
		return file.Fsync(ctx, flags)
	}
	return 0
}

// slowDisk is a directory whose syncs are slow when they are told to be.
func slowDisk(t *testing.T) (dir string, syncs *slowSyncs) {
	t.Helper()
	below, dir := shortDir(t), shortDir(t)
	syncs = &slowSyncs{}
	root := &slowNode{&fs.LoopbackNode{RootData: &fs.LoopbackRoot{Path: below}}, syncs}
	root.RootData.RootNode = root
	_, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, AllowOther: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Not go-fuse's, which waits for everybody on this host whose mount namespace was made meanwhile.
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, syncs
}

func TestAMinuteOfSlowSyncsEndsNothing(t *testing.T) {
	w := newWire(t)
	dir, syncs := slowDisk(t)
	s := w.host(1).serve(filepath.Join(dir, "d"), "--cluster-init")
	s.awaitReady()
	before := turnsOf(t, s)

	syncs.delay.Store(int64(time.Second))
	number, end := syncs.number.Load(), time.Now().Add(time.Minute)
	var took []time.Duration
	for time.Now().Before(end) {
		s.mustRun()
		began := time.Now()
		if err := s.put(t.Context(), fmt.Sprint("slow-", len(took))); err != nil {
			t.Errorf("object %d: %v", len(took), err)
		}
		took = append(took, time.Since(began))
	}
	if number = syncs.number.Load() - number; number < 20 {
		t.Fatalf("%d syncs; want a disk that is used", number)
	}
	slices.Sort(took)
	t.Logf("%d syncs of a second, and %d objects were written", number, len(took))
	measured(t, "syncs of 1 s: an object is written, median", took[len(took)/2])
	measured(t, "syncs of 1 s: an object is written, slowest", took[len(took)-1])
	syncs.delay.Store(0)

	back := eventually(t, "an object is written within half a second", func() error {
		name := fmt.Sprint("fast-", time.Now().UnixNano())
		return within(t, 500*time.Millisecond, func(ctx context.Context) error { return s.put(ctx, name) })
	})
	measured(t, "syncs of 1 s are over: an object is written within 0.5 s again", back)
	s.awaitReady()
	if now := turnsOf(t, s); !maps.Equal(now, before) {
		t.Errorf("%v; want the leases as they were, %v", now, before)
	}
	if n := s.said(turnLost); n > 0 {
		t.Errorf("%d parts were begun anew; want none", n)
	}
	all, err := s.objects(t.Context())
	if err != nil || len(all) < len(took)+1 {
		t.Errorf("%d objects, %v; want all that were taken", len(all), err)
	}
}
