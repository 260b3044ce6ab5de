package etcd

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// Others are the other members that have started once: the host of each, by the name of its node.
func (m *Member) Others(ctx context.Context) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	known, err := m.client.MemberList(ctx)
	if err != nil {
		return nil, err
	}
	others := map[string]string{}
	for _, one := range known.Members {
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
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	known, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, one := range known.Members {
		if one.Name == "" || one.IsLearner {
			return fmt.Errorf("a server at %s is joining: try again when it has", strings.Join(one.PeerURLs, ", "))
		}
	}
	return nil
}
