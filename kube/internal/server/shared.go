package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"k3os.io/kube/internal/pki"
)

// retryShared is how long a server that could not keep the keys waits.
const retryShared = 30 * time.Second

// keepShared keeps the keys of the cluster in the datastore, sealed with the token, so that a snapshot and the token
// are all that a machine needs. It looks once at each start, since the keys and the token change with none.
func (p *controlPlane) keepShared(ctx context.Context) error {
	for {
		err := p.keepSharedOnce(ctx)
		if err == nil {
			break
		}
		if ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot keep the keys of the cluster in the datastore: %v\n", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryShared):
		}
	}
	<-ctx.Done()
	return nil
}

func (p *controlPlane) keepSharedOnce(ctx context.Context) error {
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
	name := ""
	for one, text := range kept {
		have, err := pki.OpenBootstrap(text, secrets.Server)
		switch {
		case errors.Is(err, pki.ErrOtherToken):
			continue // of a server that has another token, or of a token before
		case err == nil && have.Equal(own):
			return nil
		}
		name = one
	}
	if name == "" {
		random := make([]byte, 8)
		_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
		name = hex.EncodeToString(random)
	}
	text, err := own.Seal(secrets.Server)
	if err != nil {
		return err
	}
	return p.members.KeepShared(ctx, name, text)
}

// openShared opens what keepShared has kept, from a snapshot.
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
