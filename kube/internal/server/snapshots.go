package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/snapshots"
	"k3os.io/kube/internal/supervisor"
)

// listPatience is for one server to tell its snapshots.
const listPatience = 10 * time.Second

// othersSnapshots are those of the other servers, which are asked at the same time.
func (p *controlPlane) othersSnapshots(ctx context.Context) ([]snapshots.File, error) {
	others, err := p.members.Others(ctx)
	if err != nil {
		return nil, fmt.Errorf("the snapshots of other servers are missing: %w", err)
	}
	secrets, err := p.currentSecrets()
	if err != nil {
		return nil, fmt.Errorf("the snapshots of other servers are missing: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, listPatience)
	defer cancel()
	return gather(others, func(host string) (list snapshots.Files, err error) {
		err = p.askServer(ctx, host, secrets.Server, func(peer *join.Peer, ctx context.Context) error {
			said, err := peer.Ask(ctx, supervisor.PathSnapshot, snapshots.Request{Operation: snapshots.List, Own: true})
			if err != nil {
				return err
			}
			return json.Unmarshal(said, &list)
		})
		return list, err
	})
}

// gather asks all hosts, by the names of their nodes, and returns what they have in the order of those. The error names
// the ones that do not answer, or not with all they have. What a server of an earlier build finds elsewhere than on its
// disk is left out: this one finds it itself.
func gather(hosts map[string]string, ask func(host string) (snapshots.Files, error)) ([]snapshots.File, error) {
	names := slices.Sorted(maps.Keys(hosts))
	found, problems := make([][]snapshots.File, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() {
			list, err := ask(hosts[name])
			switch {
			case err != nil:
				problems[i] = fmt.Errorf("the snapshots of server %s are missing: %w", name, err)
				return
			case list.Warning != "":
				problems[i] = fmt.Errorf("server %s: %s", name, list.Warning)
			}
			found[i] = slices.DeleteFunc(list.Items, func(f snapshots.File) bool {
				return !strings.HasPrefix(f.Spec.Location, "file://")
			})
		})
	}
	all.Wait()
	return slices.Concat(found...), errors.Join(problems...)
}
