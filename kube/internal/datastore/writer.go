package datastore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync/atomic"
)

// maxGroup bounds how long the first member of a group waits for the others' statements. More would hardly be cheaper.
const maxGroup = 64

// A writer runs all transactions on one connection. Transactions that wait at the same time share a sync: group commit.
//
// With synchronous=FULL a COMMIT returns when the write-ahead log is on the disk, and no other connection sees the rows
// before. So neither a client nor a watch learns of something that a power cut takes back. But each COMMIT costs a
// sync, and SQLite has one writer at a time. Therefore transactions that arrive during a sync become savepoints of one
// SQLite transaction, a group. Its COMMIT acknowledges all of them.
//
// A member fails alone: its savepoint is rolled back. A group fails as a whole only if SQLite takes back the whole
// transaction, because the disk is full or broken. A sync that failed is never repeated for the same pages: SQLite
// writes the next group over what the failed COMMIT left in the log.
type writer struct {
	turn    chan struct{} // full while somebody has the turn, to whom the fields below belong
	conn    *connection   // nil once closed
	group   *group        // nil between a COMMIT and the next member
	waiting atomic.Int32  // how many wait for the turn
}

type group struct {
	tx      driver.Tx
	members int           // that have ended, and wait for done
	done    chan struct{} // closed by the end of the SQLite transaction
	err     error         // how it ended; read after done
}

func (g *group) end(err error) {
	g.err = err
	close(g.done)
}

func newWriter(conn *connection) *writer { return &writer{turn: make(chan struct{}, 1), conn: conn} }

// A member is a transaction that has the turn until it ends.
type member struct {
	writer *writer
	cause  error // the last statement's that failed
}

// begin waits for the turn and joins the group. It waits even if ctx ends meanwhile: the group may be waiting for it.
func (w *writer) begin(ctx context.Context) (*member, error) {
	w.waiting.Add(1)
	w.turn <- struct{}{}
	w.waiting.Add(-1)
	if err := w.join(ctx); err != nil {
		w.endTurn()
		return nil, err
	}
	return &member{writer: w}, nil
}

func (w *writer) join(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.conn == nil {
		return errors.New("the datastore is closed")
	}
	if w.group == nil {
		tx, err := w.conn.BeginTx(context.WithoutCancel(ctx), driver.TxOptions{})
		if err != nil {
			return err
		}
		w.group = &group{tx: tx, done: make(chan struct{})}
	}
	return w.run("SAVEPOINT member")
}

// endTurn commits the group unless somebody waits who can share its sync. That one calls endTurn too.
func (w *writer) endTurn() {
	if g := w.group; g != nil && (w.waiting.Load() == 0 || g.members >= maxGroup) {
		w.group = nil
		g.end(g.tx.Commit())
	}
	<-w.turn
}

// abandon gives up the group.
func (w *writer) abandon(cause error) {
	g := w.group
	w.group = nil
	_ = g.tx.Rollback() // there may be nothing left to roll back
	g.end(fmt.Errorf("SQLite took back a transaction: %w", cause))
}

func (w *writer) run(text string) error {
	_, err := w.conn.ExecContext(context.Background(), text, nil)
	return err
}

func (w *writer) close() error {
	w.turn <- struct{}{}
	defer w.endTurn()
	if w.conn == nil {
		return nil
	}
	if g := w.group; g != nil {
		w.group = nil
		g.end(g.tx.Commit())
	}
	conn := w.conn
	w.conn = nil
	return conn.Close()
}

// exec runs a statement to its end even if ctx ends: SQLite takes back the whole transaction, not only a savepoint,
// when a statement that writes is interrupted.
func (m *member) exec(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	r, err := m.writer.conn.ExecContext(context.WithoutCancel(ctx), text, args)
	if err != nil {
		m.cause = err
	}
	return r, err
}

func (m *member) query(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	r, err := m.writer.conn.QueryContext(context.WithoutCancel(ctx), text, args)
	if err != nil {
		m.cause = err
	}
	return r, err
}

// commit returns when what the member wrote is on the disk.
func (m *member) commit() error {
	w, g := m.writer, m.writer.group
	if err := w.run("RELEASE member"); err != nil {
		w.abandon(errors.Join(m.cause, err))
	} else {
		g.members++
	}
	w.endTurn()
	<-g.done
	return g.err
}

// rollback always leaves nothing of the member. kine ends the process if it returns an error.
func (m *member) rollback() error {
	w := m.writer
	if err := errors.Join(w.run("ROLLBACK TO member"), w.run("RELEASE member")); err != nil {
		w.abandon(errors.Join(m.cause, err))
	}
	w.endTurn()
	return nil
}
