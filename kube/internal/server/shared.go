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

// keepShared begins anew where a server that has other keys, or another token, has removed what this one has kept.
func (p *controlPlane) keepShared(ctx context.Context) error {
	// First: another server may have changed the token, and its number is among what is kept.
	secrets, err := p.currentSecrets()
	if err != nil {
		return err
	}
	own, err := p.store.Bootstrap()
	if err != nil {
		return err
	}
	for {
		isKept, err := keepOne(ctx, p.members, own, secrets.Server)
		if err != nil || isKept {
			return err
		}
	}
}

// A sharedKeeper is etcd's.
type sharedKeeper interface {
	Kept(ctx context.Context) (map[string][]byte, error)
	KeepShared(ctx context.Context, name string, value []byte) error
	ForgetShared(ctx context.Context, keep, name string) (kept bool, err error)
}

// keepOne keeps one value that the secret opens, and removes the others, which are of a token before, or damaged.
func keepOne(ctx context.Context, in sharedKeeper, own pki.Bootstrap, secret string) (isKept bool, err error) {
	kept, err := in.Kept(ctx)
	if err != nil {
		return false, err
	}
	// In the order of their names, so that two servers that do this at the same time keep the same one.
	names := slices.Sorted(maps.Keys(kept))
	isOwn := func(name string) bool {
		have, err := pki.OpenBootstrap(kept[name], secret)
		return err == nil && have.Equal(own)
	}
	var keep string
	if i := slices.IndexFunc(names, isOwn); i >= 0 {
		keep = names[i]
	} else {
		text, err := own.Seal(secret)
		if err != nil {
			return false, err
		}
		random := make([]byte, 8)
		_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
		keep = hex.EncodeToString(random)
		if err := in.KeepShared(ctx, keep, text); err != nil {
			return false, err
		}
	}
	for _, name := range names {
		if name == keep {
			continue
		}
		if isKept, err := in.ForgetShared(ctx, keep, name); err != nil || !isKept {
			return false, err
		}
	}
	return true, nil
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
