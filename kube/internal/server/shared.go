package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"

	"k3os.io/kube/internal/pki"
)

// SaveSnapshot is snapshots.Source's. A snapshot and the token of servers are all that a machine needs: the keys of the
// cluster are in the datastore before it is saved, sealed with the token. Without a majority they cannot be written;
// those of before will do then, and what there is can still be saved.
func (p *controlPlane) SaveSnapshot(ctx context.Context, file string) error {
	if err := p.keepShared(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: cannot bring the keys of the cluster up to date in the datastore: %v\n", err)
	}
	return p.members.SaveSnapshot(ctx, file)
}

func (p *controlPlane) keepShared(ctx context.Context) error {
	own, err := p.store.Bootstrap()
	if err != nil {
		return err
	}
	secrets, err := p.joinSecrets()
	if err != nil {
		return err
	}
	kept, err := p.members.Kept(ctx)
	if err != nil {
		return err
	}
	var others []string // of a token before, or damaged
	// In the order of their names, so that two servers that do this at the same time keep the same one.
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		text := kept[name]
		if have, err := pki.OpenBootstrap(text, secrets.Server); err == nil && have.Equal(own) {
			others = slices.DeleteFunc(slices.Collect(maps.Keys(kept)), func(other string) bool { return other == name })
			return p.forgetShared(ctx, others)
		}
		others = append(others, name)
	}
	text, err := own.Seal(secrets.Server)
	if err != nil {
		return err
	}
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	if err := p.members.KeepShared(ctx, hex.EncodeToString(random), text); err != nil {
		return err
	}
	return p.forgetShared(ctx, others)
}

// forgetShared removes what a token opens that does not count any more.
func (p *controlPlane) forgetShared(ctx context.Context, names []string) error {
	for _, name := range names {
		if err := p.members.ForgetShared(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// openShared opens what SaveSnapshot has kept, from a snapshot.
func openShared(kept map[string][]byte, secret string) (pki.Bootstrap, error) {
	var problem error
	for _, text := range kept {
		b, err := pki.OpenBootstrap(text, secret)
		if err == nil {
			return b, nil
		}
		problem = err
	}
	return nil, problem
}
