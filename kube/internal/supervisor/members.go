package supervisor

import (
	"context"
	"fmt"
	"net/http"
)

// A MemberKeeper is a member of the datastore that is asked for others.
type MemberKeeper interface {
	AddMember(ctx context.Context, name, peerURL string) (initialCluster string, err error)
	PromoteMember(ctx context.Context, name string) error
}

// A NewMember is the body of a request about a member of the datastore.
type NewMember struct{ Name, PeerURL string }

// aboutMember answers a request about a member of the datastore. Where ask fails, the machine asks again.
func aboutMember(w http.ResponseWriter, r *http.Request, refused string, ask func(NewMember) (string, error)) {
	var m NewMember
	if !decoded(w, r, "a member", &m) {
		return
	}
	said, err := ask(m)
	if err != nil {
		http.Error(w, fmt.Sprintf("%s: %v", refused, err), http.StatusServiceUnavailable)
		return
	}
	answer(w, said)
}

// addMember looks at the name first: a member that is refused later, when it keeps its name, counts for the majority
// and does not run.
func (s *supervisor) addMember(w http.ResponseWriter, r *http.Request) {
	if node := r.Header.Get(HeaderName); node != "" {
		if status, err := s.mayBe(r, node, nil); err != nil {
			http.Error(w, err.Error(), status)
			return
		}
	}
	aboutMember(w, r, "etcd takes no member now", func(m NewMember) (string, error) {
		return s.Members.AddMember(r.Context(), m.Name, m.PeerURL)
	})
}

func (s *supervisor) promoteMember(w http.ResponseWriter, r *http.Request) {
	aboutMember(w, r, "etcd does not give the member a vote yet", func(m NewMember) (string, error) {
		return "ok", s.Members.PromoteMember(r.Context(), m.Name)
	})
}
