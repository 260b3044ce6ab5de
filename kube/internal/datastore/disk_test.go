package datastore

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlitelib "modernc.org/sqlite/lib"
)

// A testDisk is what SQLite's files would be after a power cut that takes everything which was not synced.
type testDisk struct {
	mu     sync.Mutex
	synced map[string][]byte // by path
	gone   []string          // deleted files, in a directory that was not synced since
	syncs  int               // of a write-ahead log
	delay  time.Duration     // of a sync
	broken bool              // syncs fail
}

// cut returns the files as a power cut would leave them.
func (d *testDisk) cut() map[string][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return maps.Clone(d.synced)
}

func (d *testDisk) logSyncs() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.syncs
}

func (d *testDisk) set(change func(*testDisk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// restore writes the files of a cut into a directory of their own, which it returns.
func restore(t *testing.T, files map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// newDisk returns a disk for the files in dir. What opens them with vfs=NAME is recorded.
func newDisk(t *testing.T, dir string) *testDisk {
	t.Helper()
	recordingVFS.Do(registerVFS)
	d := &testDisk{synced: map[string][]byte{}}
	disks.Store(dir, d)
	t.Cleanup(func() { disks.Delete(dir) })
	return d
}

// vfsParameter makes SQLite use the recording file system.
const vfsParameter = "&vfs=" + vfsName

const vfsName = "recording"

var (
	recordingVFS sync.Once
	disks        sync.Map // directory → *testDisk
	opened       sync.Map // address of an open file → openFile
	original     *sqlitelib.Tsqlite3_vfs
	methodsLock  sync.Mutex
	methodsOf    = map[uintptr]*sqlitelib.Tsqlite3_io_methods{} // SQLite's own → ours
)

type openFile struct {
	path string
	own  *sqlitelib.Tsqlite3_io_methods
	// directory is whether SQLite's next sync of the file is one of its directory too, as the first of a log or journal
	// is.
	directory atomic.Bool
}

// registerVFS registers SQLite's own file system a second time, with three functions that call ours.
func registerVFS() {
	tls := libc.NewTLS()
	original = (*sqlitelib.Tsqlite3_vfs)(pointer(sqlitelib.Xsqlite3_vfs_find(tls, 0)))
	vfs := (*sqlitelib.Tsqlite3_vfs)(pointer(libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*original)))))
	*vfs = *original
	name, err := libc.CString(vfsName)
	if err != nil {
		panic(err)
	}
	vfs.FpNext, vfs.FzName, vfs.FxOpen = 0, name, address(openRecorded)
	vfs.FxDelete = address(deleteRecorded)
	if rc := sqlitelib.Xsqlite3_vfs_register(tls, uintptr(unsafe.Pointer(vfs)), 0); rc != sqlitelib.SQLITE_OK {
		panic(rc)
	}
}

func openRecorded(tls *libc.TLS, vfs, name, file uintptr, flags int32, outFlags uintptr) int32 {
	type open = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	rc := function[open](original.FxOpen)(tls, vfs, name, file, flags, outFlags)
	f := (*sqlitelib.Tsqlite3_file)(pointer(file))
	if rc != sqlitelib.SQLITE_OK || name == 0 || f.FpMethods == 0 {
		return rc
	}
	own := (*sqlitelib.Tsqlite3_io_methods)(pointer(f.FpMethods))
	now := &openFile{path: libc.GoString(name), own: own}
	const journals = sqlitelib.SQLITE_OPEN_WAL | sqlitelib.SQLITE_OPEN_MAIN_JOURNAL
	now.directory.Store(flags&sqlitelib.SQLITE_OPEN_CREATE != 0 && flags&journals != 0)
	opened.Store(file, now)
	methodsLock.Lock()
	defer methodsLock.Unlock()
	ours, ok := methodsOf[f.FpMethods]
	if !ok {
		ours = (*sqlitelib.Tsqlite3_io_methods)(pointer(libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*own)))))
		*ours = *own
		ours.FxSync = address(syncRecorded)
		methodsOf[f.FpMethods] = ours
	}
	f.FpMethods = uintptr(unsafe.Pointer(ours))
	return rc
}

func deleteRecorded(tls *libc.TLS, vfs, name uintptr, directory int32) int32 {
	type remove = func(*libc.TLS, uintptr, uintptr, int32) int32
	rc := function[remove](original.FxDelete)(tls, vfs, name, directory)
	path := libc.GoString(name)
	if found, ok := disks.Load(filepath.Dir(path)); ok && rc == sqlitelib.SQLITE_OK {
		found.(*testDisk).set(func(d *testDisk) { d.gone = append(d.gone, path) })
	}
	return rc
}

func syncRecorded(tls *libc.TLS, file uintptr, flags int32) int32 {
	type sync = func(*libc.TLS, uintptr, int32) int32
	v, _ := opened.Load(file)
	f := v.(*openFile)
	found, ok := disks.Load(filepath.Dir(f.path))
	if !ok {
		return function[sync](f.own.FxSync)(tls, file, flags)
	}
	d := found.(*testDisk)
	d.mu.Lock()
	broken, delay := d.broken, d.delay
	d.mu.Unlock()
	if broken {
		return sqlitelib.SQLITE_IOERR_FSYNC
	}
	content, err := os.ReadFile(f.path)
	if err != nil {
		return sqlitelib.SQLITE_IOERR_FSYNC
	}
	time.Sleep(delay)
	rc := function[sync](f.own.FxSync)(tls, file, flags)
	if rc == sqlitelib.SQLITE_OK {
		d.set(func(d *testDisk) {
			if f.directory.Swap(false) {
				for _, path := range d.gone {
					delete(d.synced, path)
				}
				d.gone = nil
			}
			d.synced[f.path] = content
			if strings.HasSuffix(f.path, "-wal") {
				d.syncs++
			}
		})
	}
	return rc
}

// address and function are how SQLite's translation from C keeps functions in its structures.
func address(f any) uintptr { return (*[2]uintptr)(unsafe.Pointer(&f))[1] }

func function[F any](at uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{at})) }

// pointer is for memory that SQLite has allocated, which no garbage collector moves.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }
