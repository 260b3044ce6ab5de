package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
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

// tellAddress makes the address that etcd has of this member that of its machine, which may have changed. Others ask it
// there, and whoever joins begins with it.
func (m *Member) tellAddress(ctx context.Context) error {
	known, err := m.list(ctx)
	if err != nil {
		return err
	}
	own := []string{m.server.Config().AdvertisePeerUrls[0].String()}
	for _, one := range known {
		if one.Name != m.Name() || slices.Equal(one.PeerURLs, own) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, requestPatience)
		defer cancel()
		_, err := m.client.MemberUpdate(ctx, one.ID, own)
		return err
	}
	return nil
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

// MembersOf are the members of a node: one, or none. If a member is named, no other one counts. It also answers without
// a majority, by what this member has seen.
func (m *Member) MembersOf(ctx context.Context, nodeName, member string) (ids []uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	known, err := m.client.MemberList(ctx, clientv3.WithSerializable())
	if err != nil {
		return nil, err
	}
	for _, one := range known.Members {
		if nodeOf(one.Name) == nodeName && (member == "" || one.Name == member) {
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

// AddMember is Joining's, as the member that is asked does it.
func (m *Member) AddMember(ctx context.Context, name, peerURL string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	known, err := m.client.MemberList(ctx)
	if err != nil {
		return "", err
	}
	members := known.Members
	isThere := false
	for _, one := range members {
		if len(one.PeerURLs) == 0 || one.PeerURLs[0] != peerURL {
			continue
		}
		// A member that has not started yet has no name.
		if one.Name == name || one.Name == "" {
			isThere = true
			continue
		}
		// The machine at this address has lost its disk: it is a new member now.
		if nodeOf(one.Name) != nodeOf(name) {
			return "", fmt.Errorf("%s is the address of %s, which is a member: correct --node-ip, or delete the node of that"+
				" machine first", peerURL, nodeOf(one.Name))
		}
		if _, err := m.client.MemberRemove(ctx, one.ID); err != nil {
			return "", err
		}
	}
	if !isThere {
		added, err := m.client.MemberAddAsLearner(ctx, []string{peerURL})
		if err != nil {
			return "", err
		}
		members = added.Members
	} else if known, err = m.client.MemberList(ctx); err == nil {
		members = known.Members
	}
	var cluster []string
	for _, one := range members {
		for _, u := range one.PeerURLs {
			n := one.Name
			if u == peerURL {
				n = name
			}
			if n == "" {
				n = fmt.Sprintf("%x", one.ID) // it has not started yet: etcd compares addresses only
			}
			cluster = append(cluster, n+"="+u)
		}
	}
	return strings.Join(cluster, ","), nil
}

// PromoteMember is Joining's, likewise.
func (m *Member) PromoteMember(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	known, err := m.client.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, one := range known.Members {
		if one.Name != name {
			continue
		}
		if !one.IsLearner {
			return nil
		}
		_, err := m.client.MemberPromote(ctx, one.ID)
		return err
	}
	return fmt.Errorf("etcd has no member %s", name)
}

// RemoveMember takes a member away, and what NoteDeleted has noted of it. It does nothing if there is none of that ID.
// It fails while the others have not seen enough of each other, or would lose their majority.
func (m *Member) RemoveMember(ctx context.Context, id uint64) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	if _, err := m.client.MemberRemove(ctx, id); err != nil && !errors.Is(err, rpctypes.ErrMemberNotFound) {
		return err
	}
	return m.ForgetDeleted(ctx, id)
}

// deletedPrefix is where etcd has the members that are to be removed, because their nodes were deleted.
const deletedPrefix = "/k3s/deleted-members/"

func deletedKey(id uint64) string { return fmt.Sprintf("%s%x", deletedPrefix, id) }

// NoteDeleted notes that the node of a member was deleted, for servers that have not seen that when they start.
func (m *Member) NoteDeleted(ctx context.Context, id uint64, nodeName string) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	_, err := m.client.Put(ctx, deletedKey(id), nodeName)
	return err
}

// Deleted are the nodes of members that were noted and are neither removed nor forgotten.
func (m *Member) Deleted(ctx context.Context) (nodes map[uint64]string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	noted, err := m.client.Get(ctx, deletedPrefix, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	nodes = map[uint64]string{}
	for _, kv := range noted.Kvs {
		id, err := strconv.ParseUint(strings.TrimPrefix(string(kv.Key), deletedPrefix), 16, 64)
		if err != nil {
			return nil, err
		}
		nodes[id] = string(kv.Value)
	}
	return nodes, nil
}

// ForgetDeleted takes back what NoteDeleted has noted.
func (m *Member) ForgetDeleted(ctx context.Context, id uint64) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	_, err := m.client.Delete(ctx, deletedKey(id))
	return err
}

// nodeOf is the node of a member's name.
func nodeOf(member string) string {
	if i := strings.LastIndex(member, "-"); i >= 0 {
		return member[:i]
	}
	return member
}
