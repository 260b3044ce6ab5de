package etcd

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Others are the other members that have started once: the host of each, by the name of its node.
func (m *Member) Others(ctx context.Context) (map[string]string, error) {
	known, err := m.list(ctx)
	if err != nil {
		return nil, err
	}
	others := map[string]string{}
	for _, one := range known {
		if one.Name == m.Name() || one.Name == "" || len(one.PeerURLs) == 0 {
			continue
		}
		u, err := url.Parse(one.PeerURLs[0])
		if err != nil {
			return nil, err
		}
		others[nodeOf(one.Name)] = u.Hostname()
	}
	return others, nil
}

// AllVote fails while a member is joining.
func (m *Member) AllVote(ctx context.Context) error {
	known, err := m.list(ctx)
	if err != nil {
		return err
	}
	for _, one := range known {
		if one.Name == "" || one.IsLearner {
			return fmt.Errorf("a server at %s is joining: try again when it has", strings.Join(one.PeerURLs, ", "))
		}
	}
	return nil
}

// MembersOf are the members of a node: one, or none.
func (m *Member) MembersOf(ctx context.Context, nodeName string) (ids []uint64, err error) {
	known, err := m.list(ctx)
	if err != nil {
		return nil, err
	}
	for _, one := range known {
		if nodeOf(one.Name) == nodeName {
			ids = append(ids, one.ID)
		}
	}
	return ids, nil
}

// list are all members, by what this one knows.
func (m *Member) list(ctx context.Context) ([]*etcdserverpb.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	known, err := m.client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	return known.Members, nil
}
