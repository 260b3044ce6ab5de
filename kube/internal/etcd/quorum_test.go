package etcd

import (
	"slices"
	"testing"
)

// A node may be deleted just before the majority is lost. Which member it has is known here.
func TestAMemberIsKnownWithoutAMajority(t *testing.T) {
	first, store := machine(t, 18, nil, nil)
	open(t, first)
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := machine(t, 19, shared, first)
	stop := open(t, second)
	want, err := first.MembersOf(t.Context(), "m19", second.Name())
	if err != nil || len(want) != 1 {
		t.Fatal(want, err)
	}
	stop()
	if got, err := first.MembersOf(t.Context(), "m19", second.Name()); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if got, err := first.MembersOf(t.Context(), "m19", "m19-before"); err != nil || len(got) != 0 {
		t.Errorf("%v, %v; want no member, as the one that was asked for is another one", got, err)
	}
	if err := first.RemoveMember(t.Context(), want[0]); err == nil {
		t.Error("it was removed without a majority")
	}
}
