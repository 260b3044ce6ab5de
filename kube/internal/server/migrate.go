package server

import (
	"context"
	"fmt"
	"os"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/etcd"
)

// moveToEtcd moves the objects of a single server from SQLite to etcd, if there are any. Until the last step the
// database is as it was, and a try that was cut begins anew; from then on etcd has everything, and only the database's
// name is left to be changed.
func moveToEtcd(ctx context.Context, cfg config.Server, member *etcd.Member) error {
	db := datastore.SQLite{Dir: cfg.ServerDir("db")}
	if !db.Exists() {
		return nil
	}
	if err := mayMove(cfg, member); err != nil {
		return err
	}
	work := cfg.ServerDir("db", "migrate.tmp")
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	if member.HasTakenOver() {
		return db.SetAside()
	}
	if _, err := os.Stat(db.Aside()); err == nil {
		return fmt.Errorf("%s is there already, from a move to etcd before: move it away first", db.Aside())
	}
	fmt.Fprintln(os.Stderr, "k3s: moving the objects from SQLite to etcd")
	defer os.RemoveAll(work)
	copied, err := db.CopyTo(work)
	if err != nil {
		return err
	}
	serving, end := context.WithCancel(ctx)
	defer end()
	from, err := copied.Open(serving)
	if err != nil {
		return err
	}
	objects, err := member.TakeOver(ctx, from.URL)
	if err != nil {
		return fmt.Errorf("the objects cannot be moved from SQLite to etcd, and are still in SQLite (is the disk full?): %w", err)
	}
	if err := db.SetAside(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "k3s: moved %d objects to etcd; the database of before is %s\n", objects, db.Aside())
	return nil
}

// mayMove fails where objects would be lost: those in SQLite, or those in etcd.
func mayMove(cfg config.Server, member *etcd.Member) error {
	dir := cfg.ServerDir("db")
	switch {
	case !(datastore.SQLite{Dir: dir}).Exists() || member.HasTakenOver():
		return nil
	case etcd.Exists(member.Dir):
		return fmt.Errorf("%s has objects in SQLite (state.db) and in etcd: move one of them away", dir)
	case cfg.ServerURL != "":
		return fmt.Errorf("%s has objects in SQLite, and a server that joins others takes theirs: drop --server, or move %s"+
			" away", dir, cfg.DataDir)
	}
	return nil
}
