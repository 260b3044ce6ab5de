package etcd

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage"
)

// limits are those of the database; tests have less room.
var limits = struct {
	quota int64 // what it may grow to
	// tidyFrom is the size from which a database with much free room is worth the time.
	tidyFrom int64
}{quotaBytes, 64 << 20}

// roomPatience is for the rewriting of a large database on a slow disk.
const roomPatience = 5 * time.Minute

// makeRoom rewrites a database of which more than half is free, which etcd never does by itself, and lets etcd take
// objects again that had none left. What fails is told: the member serves as it is.
func (m *Member) makeRoom(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	if err := m.tryMakeRoom(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "k3s: cannot make room in etcd: %v\n", err)
	}
}

// room is how large the database may be with a quota as etcd's flag has it.
func room(quota int64) int64 {
	switch {
	case quota == 0:
		return storage.DefaultQuotaBytes
	case quota < 0:
		return math.MaxInt64
	}
	return quota
}

func (m *Member) tryMakeRoom(ctx context.Context) error {
	status, err := m.client.Status(ctx, m.url())
	if err != nil {
		return err
	}
	if status.DbSize >= limits.tidyFrom && status.DbSizeInUse < status.DbSize/2 {
		if _, err := m.client.Defragment(ctx, m.url()); err != nil {
			return err
		}
		before := status.DbSize
		if status, err = m.client.Status(ctx, m.url()); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "k3s: etcd's database has %d MiB now, instead of %d\n", status.DbSize>>20, before>>20)
	}
	alarms, err := m.client.AlarmList(ctx)
	if err != nil {
		return err
	}
	full := slices.ContainsFunc(alarms.Alarms, func(a *etcdserverpb.AlarmMember) bool {
		return a.Alarm == etcdserverpb.AlarmType_NOSPACE && a.MemberID == status.Header.MemberId
	})
	quota := room(m.server.Config().QuotaBackendBytes)
	switch {
	case !full:
		return nil
	case status.DbSize > quota/10*9:
		return fmt.Errorf("%d of %d MiB are used, and it takes nothing more: delete objects, and restart k3s",
			status.DbSizeInUse>>20, quota>>20)
	}
	alarm := etcdserverpb.AlarmMember{MemberID: status.Header.MemberId, Alarm: etcdserverpb.AlarmType_NOSPACE}
	_, err = m.client.AlarmDisarm(ctx, (*clientv3.AlarmMember)(&alarm))
	return err
}
