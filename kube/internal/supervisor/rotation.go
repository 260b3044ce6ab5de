package supervisor

import (
	"fmt"
	"net/http"
)

// A NewToken is what the secret of servers is to be, in k3s's form.
type NewToken struct {
	NewToken string `json:"newToken"`
}

// A Rotated is the answer to a NewToken.
type Rotated struct {
	// Unreached are the servers that take over the secret when they start again.
	Unreached []string `json:"unreached,omitempty"`
}

func (s *supervisor) rotateToken(w http.ResponseWriter, r *http.Request) {
	var asked NewToken
	if !decoded(w, r, "a token", &asked) {
		return
	}
	unreached, err := s.RotateToken(r.Context(), asked.NewToken)
	if err != nil {
		err = fmt.Errorf("the token was not changed: %w", err)
	}
	respond(w, Rotated{unreached}, err)
}
