package datastore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// recordedDB is a database with a table, in the datastore's own mode, on a disk that can lose power.
func recordedDB(t *testing.T) (*sql.DB, *testDisk) {
	t.Helper()
	dir := t.TempDir()
	disk := newDisk(t, dir)
	db := openTable(t, dir, vfsParameter)
	return db, disk
}

func openTable(t *testing.T, dir, more string) *sql.DB {
	t.Helper()
	db, err := open(t.Context(), "file://"+filepath.Join(dir, "test.db")+"?"+parameters+more)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS t (name TEXT UNIQUE)"); err != nil {
		t.Fatal(err)
	}
	return db
}

func names(t *testing.T, db *sql.DB) map[string]bool {
	t.Helper()
	rows, err := db.Query("SELECT name FROM t")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		found[name] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// Writers write and readers read while the power is cut at random moments. What a writer was told is done, and what a
// reader has seen, is there afterwards.
func TestPowerCutsTakeNothingThatWasAcknowledgedOrSeen(t *testing.T) {
	db, disk := recordedDB(t)
	var (
		mu    sync.Mutex
		known = map[string]string{} // row → who knows it
		wg    sync.WaitGroup
	)
	learn := func(name, who string) {
		mu.Lock()
		defer mu.Unlock()
		known[name] = who
	}
	done := make(chan struct{})
	for w := range 6 {
		wg.Go(func() {
			for i := range 100 {
				name := fmt.Sprintf("%d-%d", w, i)
				if err := write(db, name); err != nil {
					t.Error(err)
				}
				learn(name, "acknowledged")
			}
		})
	}
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				for name := range names(t, db) {
					learn(name, "seen")
				}
			}
		}
	})
	type cut struct {
		known map[string]string
		files map[string][]byte
	}
	var cuts []cut
	go func() { wg.Wait(); close(done) }()
	for waiting := true; waiting; {
		select {
		case <-done:
			waiting = false
		case <-time.After(time.Duration(rand.IntN(20)) * time.Millisecond):
		}
		mu.Lock()
		c := cut{known: map[string]string{}}
		for name, who := range known {
			c.known[name] = who
		}
		mu.Unlock()
		c.files = disk.cut()
		cuts = append(cuts, c)
	}
	readers.Wait()
	if got := len(cuts[len(cuts)-1].known); got != 600 {
		t.Fatalf("%d rows are known at the end; want 600", got)
	}
	for n, c := range cuts {
		after := names(t, openTable(t, restore(t, c.files), ""))
		for name, who := range c.known {
			if !after[name] {
				t.Fatalf("cut %d of %d: row %s was %s before and is gone afterwards", n+1, len(cuts), name, who)
			}
		}
	}
}

func TestWritersWaitingTogetherShareASync(t *testing.T) {
	db, disk := recordedDB(t)
	disk.set(func(d *testDisk) { d.delay = 5 * time.Millisecond })
	before := disk.logSyncs()
	const writers, each = 20, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if err := write(db, w*each+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != writers*each {
		t.Errorf("%d rows after %d writes", n, writers*each)
	}
	// The least possible is one for each round of all writers, ten.
	if syncs := disk.logSyncs() - before; syncs > 4*each {
		t.Errorf("%d syncs for %d writes of %d writers; want at most %d", syncs, writers*each, writers, 4*each)
	}
}

func TestACommitWaitsForItsSync(t *testing.T) {
	db, disk := recordedDB(t)
	const delay = 50 * time.Millisecond
	disk.set(func(d *testDisk) { d.delay = delay })
	for i := range 3 {
		before, start := disk.logSyncs(), time.Now()
		if err := write(db, i); err != nil {
			t.Fatal(err)
		}
		if syncs, took := disk.logSyncs()-before, time.Since(start); syncs != 1 || took < delay {
			t.Errorf("write %d took %v and %d syncs; want one, of %v", i, took, syncs, delay)
		}
	}
}

func TestAFailingSyncFailsEveryWriteThatWaitsForIt(t *testing.T) {
	db, disk := recordedDB(t)
	if err := write(db, "before"); err != nil {
		t.Fatal(err)
	}
	disk.set(func(d *testDisk) { d.broken = true })
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			if err := write(db, i); err == nil {
				t.Errorf("write %d was acknowledged by a disk that cannot sync", i)
			}
		})
	}
	wg.Wait()
	if got := names(t, db); len(got) != 1 || !got["before"] {
		t.Errorf("%v can be read; want only what is on the disk", got)
	}
	disk.set(func(d *testDisk) { d.broken = false })
	if err := write(db, "after"); err != nil {
		t.Errorf("the disk works again: %v", err)
	}
	if got := names(t, openTable(t, restore(t, disk.cut()), "")); len(got) != 2 || !got["before"] || !got["after"] {
		t.Errorf("%v is on the disk; want before and after", got)
	}
}

// inOneGroup makes all transactions begin while another one has the turn, so that they share its COMMIT. It returns the
// errors, that of the first one first.
func inOneGroup(t *testing.T, db *sql.DB, transactions ...func(*sql.Tx) error) []error {
	t.Helper()
	first, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	w := writerOf(t, db)
	errs := make([]error, 1+len(transactions))
	var wg sync.WaitGroup
	for i, run := range transactions {
		wg.Go(func() {
			tx, err := db.Begin()
			if err != nil {
				errs[1+i] = err
			} else if err := run(tx); err != nil {
				errs[1+i] = errors.Join(err, tx.Rollback())
			} else {
				errs[1+i] = tx.Commit()
			}
		})
		for w.waiting.Load() != int32(i)+1 {
			time.Sleep(time.Millisecond)
		}
	}
	if err := inserting("first")(first); err != nil {
		t.Fatal(err)
	}
	errs[0] = first.Commit()
	wg.Wait()
	return errs
}

func writerOf(t *testing.T, db *sql.DB) (w *writer) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.Raw(func(c any) error { w = c.(*session).writer; return nil })
	return w
}

func inserting(name string) func(*sql.Tx) error {
	return func(tx *sql.Tx) error { _, err := tx.Exec(insert, name); return err }
}

func TestAMemberOfAGroupFailsAlone(t *testing.T) {
	db, disk := recordedDB(t)
	before := disk.logSyncs()
	failure := errors.New("changed its mind")
	errs := inOneGroup(t, db,
		inserting("a"),
		func(tx *sql.Tx) error { return errors.Join(inserting("gone")(tx), failure) },
		inserting("first"), // exists
		inserting("b"),
	)
	if err := errors.Join(errs[0], errs[1], errs[4]); err != nil {
		t.Errorf("%v; want that the good ones are committed", err)
	}
	if !errors.Is(errs[2], failure) || errs[3] == nil || !strings.Contains(errs[3].Error(), "UNIQUE") {
		t.Errorf("%v and %v; want their own errors", errs[2], errs[3])
	}
	if got := names(t, db); len(got) != 3 || !got["first"] || !got["a"] || !got["b"] {
		t.Errorf("%v are there; want first, a and b", got)
	}
	if syncs := disk.logSyncs() - before; syncs != 1 {
		t.Errorf("%d syncs for one group", syncs)
	}
}

// A full disk makes SQLite take back the whole transaction, with what other members wrote.
func TestAGroupThatSQLiteTookBackFailsAsAWhole(t *testing.T) {
	db, _ := recordedDB(t)
	w := writerOf(t, db)
	if err := w.run("PRAGMA max_page_count = 8"); err != nil {
		t.Fatal(err)
	}
	errs := inOneGroup(t, db, inserting("a"), inserting(strings.Repeat("x", 100_000)), inserting("b"))
	for i, err := range errs[:3] {
		if err == nil || !strings.Contains(err.Error(), "full") {
			t.Errorf("member %d: %v; want an error that says the disk is full", i, err)
		}
	}
	if errs[3] != nil {
		t.Errorf("the next group: %v", errs[3])
	}
	if got := names(t, db); len(got) != 1 || !got["b"] {
		t.Errorf("%v are there; want b alone", got)
	}
}

// Whoever gives up while he waits must not leave the group that waits for him without its end.
func TestAWaiterThatGivesUpDoesNotHoldTheGroup(t *testing.T) {
	db, _ := recordedDB(t)
	first, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := db.BeginTx(ctx, nil)
		gaveUp <- err
	}()
	for w := writerOf(t, db); w.waiting.Load() == 0; {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := first.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiter got %v; want that its context ended", err)
	}
}
