package datastore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"modernc.org/sqlite"
)

const (
	// keptStatements bounds what one connection keeps. kine's own texts are three dozen, and those of lists carry the
	// limit that a client chose.
	keptStatements = 64
	// A start needs a dozen connections, an idle cluster two. Each has a cache of pages, of up to 2 MB.
	maxIdle     = 20
	maxIdleTime = 10 * time.Second
)

// open returns a database whose connections keep their statements prepared, and whose writers take turns.
//
// kine hands over the same few texts anew for each request; to parse and plan them took longer than to run them. And a
// writer that meets another one sleeps inside SQLite, for up to a tenth of a second a time, where it could be called.
func open(dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{c, make(chan struct{}, 1)})
	db.SetMaxIdleConns(maxIdle)
	db.SetConnMaxIdleTime(maxIdleTime)
	return db, nil
}

type connector struct {
	driver.Connector
	turn chan struct{} // full while somebody writes
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("SQLite's driver is not the one that was expected"), opened.Close())
	}
	return &connection{conn, c.turn, map[string]sqliteStmt{}}, nil
}

// sqliteConn and sqliteStmt are what SQLite's driver offers and a connection uses or passes on.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// planOnce turns kine's parameters into expressions, which changes nothing but that the planner cannot look at their values.
// Where it did, SQLite planned a statement anew whenever it was given others: a kept statement was prepared again by each
// use, at a third of its cost.
func planOnce(text string) string { return strings.ReplaceAll(text, "?", "+?") }

// A connection is never used by two goroutines at once: database/sql sees to that.
type connection struct {
	sqliteConn
	turn chan struct{}
	idle map[string]sqliteStmt // by text; a statement that runs is not in here
}

// PrepareContext is for the statements that kine itself keeps.
func (c *connection) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	return c.sqliteConn.PrepareContext(ctx, planOnce(text))
}

func (c *connection) take(ctx context.Context, text string) (sqliteStmt, error) {
	if s, ok := c.idle[text]; ok {
		delete(c.idle, text)
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(sqliteStmt)
	if !ok {
		return nil, errors.Join(driver.ErrSkip, prepared.Close())
	}
	return s, nil
}

func (c *connection) giveBack(text string, s sqliteStmt) error {
	if _, another := c.idle[text]; another || len(c.idle) == keptStatements {
		return s.Close()
	}
	c.idle[text] = s
	return nil
}

// ExecContext passes errors on as they are, for kine looks at their type.
func (c *connection) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := s.ExecContext(ctx, args)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return r, c.giveBack(text, s)
}

// QueryContext passes errors on as they are, for kine looks at their type.
func (c *connection) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := s.QueryContext(ctx, args)
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return &rows{r, func() error { return c.giveBack(text, s) }}, nil
}

// BeginTx waits for its turn: every transaction of kine's writes.
func (c *connection) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	tx, err := c.sqliteConn.BeginTx(ctx, o)
	if err != nil {
		<-c.turn
		return nil, err
	}
	return &transaction{tx, c.turn}, nil
}

func (c *connection) Close() error {
	var errs []error
	for _, s := range c.idle {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.sqliteConn.Close())...)
}

// rows give their statement back when database/sql closes them, which it does once.
type rows struct {
	driver.Rows
	giveBack func() error
}

func (r *rows) Close() error { return errors.Join(r.Rows.Close(), r.giveBack()) }

// A transaction ends its turn with the one call that ends it.
type transaction struct {
	driver.Tx
	turn chan struct{}
}

func (t *transaction) Commit() error {
	defer func() { <-t.turn }()
	return t.Tx.Commit()
}

func (t *transaction) Rollback() error {
	defer func() { <-t.turn }()
	return t.Tx.Rollback()
}
