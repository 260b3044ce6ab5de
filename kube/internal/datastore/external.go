package datastore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/k3s-io/kine/pkg/drivers"
	"github.com/k3s-io/kine/pkg/drivers/generic"
	"github.com/k3s-io/kine/pkg/drivers/mysql"
	"github.com/k3s-io/kine/pkg/drivers/pgsql"
	"github.com/k3s-io/kine/pkg/logstructured"
	"github.com/k3s-io/kine/pkg/logstructured/sqllog"
	"github.com/k3s-io/kine/pkg/server"
	"github.com/k3s-io/kine/pkg/tls"

	"k3os.io/kube/internal/loop"
)

const (
	// patience is how long a database is waited for that does not answer at the start.
	patience   = 10 * time.Minute
	firstPause = time.Second
	lastPause  = 10 * time.Second
	// prepareTries is how often the tables are prepared once it answers.
	prepareTries = 5
	// Each idle connection is a process of PostgreSQL's.
	maxIdleExternal = time.Minute
)

// An External is a database on a server of the user's, which several servers of the cluster may share.
type External struct {
	Dir                       string // of the socket; created if there is none
	Endpoint                  string // postgres://… or mysql://… in k3s's spelling
	CAFile, CertFile, KeyFile string // of TLS; "" is none

	// Tell is told why the database cannot be used yet, each reason once in a row.
	Tell func(reason string)
}

// A database is one kind of external database.
type database struct {
	// connect connects once, and creates the database if that is all that is missing. Its error is a sentence: an
	// awayError if time may mend it. It never has the password.
	connect func(context.Context, External) error
	// dataSource is the endpoint as kine's driver takes it.
	dataSource func(External) (string, error)
	open       func(context.Context, *sync.WaitGroup, *drivers.Config) (bool, server.Backend, error)
	// again tells whether a write was only in another one's way.
	again func(error) bool
}

var databases = map[string]database{
	"postgres":   {connectPostgres, postgresSource, pgsql.New, postgresAgain},
	"postgresql": {connectPostgres, postgresSource, pgsql.New, postgresAgain},
	"mysql":      {connectMySQL, mysqlSource, mysql.New, mysqlAgain},
}

// An awayError says that nobody answers, or not yet.
type awayError struct{ text string }

func (e *awayError) Error() string { return e.text }

func away(format string, args ...any) error { return &awayError{fmt.Sprintf(format, args...)} }

func (x External) kind() database {
	scheme, _, _ := strings.Cut(x.Endpoint, "://")
	return databases[scheme]
}

// Open serves etcd's protocol on a Unix socket in Dir, until ctx ends. A database that does not answer is waited for;
// one that refuses is an error. When it goes away later, requests fail until it is back.
func (x External) Open(ctx context.Context) (Endpoint, error) {
	quiet()
	dir, err := filepath.Abs(x.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("cannot create its directory: %w", err)
	}
	if err := x.await(ctx); err != nil {
		return Endpoint{}, err
	}
	backend, err := x.backend(ctx)
	// Servers that start at the same time make the same tables.
	for try := 1; try < prepareTries && err != nil && ctx.Err() == nil; try++ {
		time.Sleep(firstPause)
		backend, err = x.backend(ctx)
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("cannot prepare the tables: %w", lastCause(err))
	}
	socket := filepath.Join(dir, "kine.sock")
	if err := serve(ctx, backend, socket); err != nil {
		return Endpoint{}, fmt.Errorf("cannot serve on %s: %w", socket, err)
	}
	return Endpoint{URL: scheme + "://" + socket}, nil
}

// await returns when the database answers.
func (x External) await(ctx context.Context) error {
	end, pause := time.Now().Add(patience), firstPause
	var reasons loop.Reasons
	for {
		err := x.kind().connect(ctx, x)
		var later *awayError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &later) || time.Now().After(end):
			return err
		case reasons.IsNew(err) && x.Tell != nil:
			x.Tell(err.Error())
		}
		if !loop.Pause(ctx, pause) {
			return ctx.Err()
		}
		pause = min(2*pause, lastPause)
	}
}

// backend has started.
func (x External) backend(ctx context.Context) (server.Backend, error) {
	source, err := x.kind().dataSource(x)
	if err != nil {
		return nil, err
	}
	config := kineConfig(source)
	config.BackendTLSConfig = tls.Config{CAFile: x.CAFile, CertFile: x.CertFile, KeyFile: x.KeyFile}
	config.ConnectionPoolConfig = generic.ConnectionPoolConfig{MaxIdleTime: maxIdleExternal}
	var running sync.WaitGroup
	// A stop meanwhile must not close the database under kine's hands.
	opening, closeDB := context.WithCancel(context.WithoutCancel(ctx))
	_, made, err := x.kind().open(opening, &running, config)
	if err != nil {
		closeDB()
		return nil, err
	}
	context.AfterFunc(ctx, closeDB)
	dialect, err := dialectOf(made)
	if err != nil {
		return nil, err
	}
	backend := newBackend(&writeLog{
		SQLLog: sqllog.New(enduring{dialect}, &running, config), again: x.kind().again, hint: "does the database answer",
	})
	return backend, backend.Start(ctx)
}

// dialectOf is what kine's driver has made its backend of. SQLite's driver gives it away; those of the others do not.
func dialectOf(backend server.Backend) (server.Dialect, error) {
	made, ok := backend.(*logstructured.LogStructured)
	if !ok {
		return nil, fmt.Errorf("kine's backend is not the one that was expected, but %T", backend)
	}
	log, ok := field(made, "log").(*sqllog.SQLLog)
	if !ok {
		return nil, errors.New("kine's log is not the one that was expected")
	}
	dialect, ok := field(log, "d").(server.Dialect)
	if !ok {
		return nil, errors.New("kine's dialect is not the one that was expected")
	}
	return dialect, nil
}

// field is an unexported field of a struct; nil if there is none.
func field[T any](of *T, name string) any {
	f := reflect.ValueOf(of).Elem().FieldByName(name)
	if !f.IsValid() {
		return nil
	}
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Interface()
}

// An enduring dialect outlives a connection that breaks within a transaction. kine ends the process then.
type enduring struct{ server.Dialect }

func (d enduring) BeginTx(ctx context.Context, o *sql.TxOptions) (server.Transaction, error) {
	tx, err := d.Dialect.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return enduringTx{tx}, nil
}

type enduringTx struct{ server.Transaction }

// MustCommit is the end of a compaction, which the next one does again if this has not worked.
func (t enduringTx) MustCommit() {
	if err := t.Commit(); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: the database has not taken back old revisions: %v\n", err)
	}
}

// MustRollback may come after the end of the transaction. What a broken connection leaves, the database takes back.
func (t enduringTx) MustRollback() { _ = t.Rollback() }
