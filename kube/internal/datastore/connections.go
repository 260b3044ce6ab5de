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

// open returns a database whose connections keep their statements prepared, and whose transactions go through one
// writer. Every transaction is taken for one that writes, as kine's are.
//
// kine hands over the same few texts anew for each request; to parse and plan them took longer than to run them.
func open(ctx context.Context, dsn string) (*sql.DB, error) {
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	conn, err := connect(ctx, c)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{c, newWriter(conn)})
	db.SetMaxIdleConns(maxIdle)
	db.SetConnMaxIdleTime(maxIdleTime)
	return db, nil
}

type connector struct {
	driver.Connector
	writer *writer
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := connect(ctx, c.Connector)
	if err != nil {
		return nil, err
	}
	return &session{connection: conn, writer: c.writer}, nil
}

// Close is called by the end of the database.
func (c connector) Close() error { return c.writer.close() }

func connect(ctx context.Context, c driver.Connector) (*connection, error) {
	opened, err := c.Connect(ctx)
	if err != nil {
		return nil, err
	}
	conn, ok := opened.(sqliteConn)
	if !ok {
		return nil, errors.Join(errors.New("SQLite's driver is not the one that was expected"), opened.Close())
	}
	return &connection{conn, map[string]sqliteStmt{}}, nil
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

// A session is one of database/sql's connections. It reads through a connection of its own, and is lent the writer's
// for a transaction.
type session struct {
	*connection
	writer *writer
	member *member // of a transaction that is going on
}

// BeginTx waits for the turn of this transaction.
func (s *session) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	m, err := s.writer.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.member = m
	return transaction{s}, nil
}

// ExecContext passes errors on as they are, for kine looks at their type.
func (s *session) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if s.member == nil {
		return s.connection.ExecContext(ctx, text, args)
	}
	return s.member.exec(ctx, text, args)
}

// QueryContext passes errors on as they are, for kine looks at their type.
func (s *session) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if s.member == nil {
		return s.connection.QueryContext(ctx, text, args)
	}
	return s.member.query(ctx, text, args)
}

// PrepareContext is for the statements that kine itself keeps. None belongs to a transaction.
func (s *session) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	if s.member != nil {
		return nil, errors.New("the datastore prepares no statements inside of a transaction")
	}
	return s.connection.PrepareContext(ctx, text)
}

// A transaction ends with the first call of either method: database/sql makes one.
type transaction struct{ session *session }

func (t transaction) Commit() error   { return t.session.leave().commit() }
func (t transaction) Rollback() error { return t.session.leave().rollback() }

func (s *session) leave() *member {
	m := s.member
	s.member = nil
	return m
}

// planOnce turns kine's parameters into expressions. SQLite's planner looks at the values of plain parameters, and
// plans a statement anew when they change: a kept statement was prepared again at each use, for a third of its cost.
// Nothing else changes.
func planOnce(text string) string { return strings.ReplaceAll(text, "?", "+?") }

// A connection keeps its statements. It is never used by two goroutines at once: database/sql sees to that, and the
// writer's turns.
type connection struct {
	sqliteConn
	idle map[string]sqliteStmt // by text; a statement that runs is not in here
}

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
