package datastore

import (
	"database/sql"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/k3s-io/kine/pkg/drivers"
	kine "github.com/k3s-io/kine/pkg/drivers/sqlite"
	"github.com/k3s-io/kine/pkg/query"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

const insert = "INSERT INTO t(name) VALUES (?)"

// testDB has a table and no patience: a writer that meets another one fails.
func testDB(t *testing.T) *sql.DB {
	t.Helper()
	db, err := open(t.Context(), "file://"+filepath.Join(t.TempDir(), "test.db")+
		"?_pragma=busy_timeout(0)&_pragma=journal_mode(WAL)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := db.Exec("CREATE TABLE t (name TEXT UNIQUE)"); err != nil {
		t.Fatal(err)
	}
	return db
}

func write(db *sql.DB, name any) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	if _, err := tx.Exec(insert, name); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func count(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWritersTakeTurns(t *testing.T) {
	db := testDB(t)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := write(db, w*50+i); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, db); n != 400 {
		t.Errorf("%d rows after 400 writes", n)
	}
}

// kine tells by the error's type that a key exists already.
func TestErrorsKeepTheirType(t *testing.T) {
	db := testDB(t)
	db.SetMaxOpenConns(1)
	for i := range 3 {
		_, err := db.Exec(insert, "a")
		if e, ok := err.(*sqlite.Error); i > 0 && (!ok || e.Code() != sqlitelib.SQLITE_CONSTRAINT_UNIQUE) { //nolint:errorlint // as kine does
			t.Errorf("insert %d: %T %v; want SQLite's own error", i, err, err)
		}
	}
	if err := write(db, "a"); err == nil {
		t.Error("a transaction with a name that exists was committed")
	}
	if err := write(db, "b"); err != nil {
		t.Errorf("after a failed transaction: %v; want that the next one has its turn", err)
	}
}

// Rows that are still open keep their statement for themselves.
func TestSameTextTwiceAtOnce(t *testing.T) {
	db := testDB(t)
	for _, name := range []string{"a", "b"} {
		if err := write(db, name); err != nil {
			t.Fatal(err)
		}
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	const text = "SELECT name FROM t WHERE name >= ? ORDER BY name"
	var pairs []string
	for range 2 { // the second time with statements that were kept
		outer, err := tx.Query(text, "a")
		if err != nil {
			t.Fatal(err)
		}
		for outer.Next() {
			var a, b string
			if err := outer.Scan(&a); err != nil {
				t.Fatal(err)
			}
			if err := tx.QueryRow(text, "b").Scan(&b); err != nil {
				t.Fatal(err)
			}
			pairs = append(pairs, a+b)
		}
		if err := errors.Join(outer.Err(), outer.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if len(pairs) != 4 || pairs[0] != "ab" || pairs[1] != "bb" || pairs[2] != "ab" || pairs[3] != "bb" {
		t.Errorf("got %v; want ab bb ab bb", pairs)
	}
}

func TestMoreTextsThanAreKept(t *testing.T) {
	db := testDB(t)
	db.SetMaxOpenConns(1)
	for round := range 2 {
		for i := range 2 * keptStatements {
			var got int
			if err := db.QueryRow("SELECT ? + "+string(rune('0'+i%10))+" /* "+string(rune('a'+i/10))+" */", round).Scan(&got); err != nil || got != round+i%10 {
				t.Fatalf("text %d gives %d, %v", i, got, err)
			}
		}
	}
}

// A parameter whose value the planner cannot see must not lead it elsewhere: the same indexes, in the same order.
func TestPlansStayTheSame(t *testing.T) {
	name, _ := SQLite{}.dataSource(t.TempDir())
	_, dialect, err := kine.NewVariant(t.Context(), &sync.WaitGroup{}, "sqlite3", &drivers.Config{DataSourceName: name})
	if err != nil {
		t.Fatal(err)
	}
	defer dialect.DB.Close()
	plan := func(text string) (steps []string) {
		rows, err := dialect.DB.Query("EXPLAIN QUERY PLAN "+text, make([]any, strings.Count(text, "?"))...)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			steps = append(steps, step)
		}
		return steps
	}
	known := 0
	for _, field := range reflect.ValueOf(dialect).Elem().Fields() {
		q, ok := field.Interface().(*query.Named)
		if !ok || q == nil || strings.HasPrefix(strings.TrimSpace(q.Query), "PRAGMA") {
			continue
		}
		known++
		if got, want := plan(planOnce(q.Query)), plan(q.Query); !slices.Equal(got, want) {
			t.Errorf("%s\nis planned as\n%s\nwant\n%s", q.Query, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if known < 20 {
		t.Errorf("kine has %d statements; want more than 20", known)
	}
}
