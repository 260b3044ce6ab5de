package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"k3os.io/kube/internal/token"
)

// A visitor is what whoever asks has shown to be.
type visitor int

const (
	stranger visitor = iota
	aNode            // it has joined, and has a certificate of that
	anAgent          // it has a token with which agents join
	aServer          // it has the one of servers
)

type visitorKey struct{}

func visitorOf(r *http.Request) visitor {
	v, _ := r.Context().Value(visitorKey{}).(visitor)
	return v
}

// authenticate goes by the certificate, or, where tokenFirst, by the token before it.
func (s *supervisor) authenticate(r *http.Request, tokenFirst bool) (who visitor, status int, err error) {
	isNode := s.isNode(r)
	if isNode && !tokenFirst {
		return aNode, 0, nil
	}
	name, password, shown := r.BasicAuth()
	if !shown {
		password, shown = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		name = token.Node
	}
	if shown {
		who, err = s.byToken(r.Context(), name, password)
	}
	switch {
	case who != stranger:
		return who, 0, nil
	case isNode:
		return aNode, 0, nil
	case err != nil:
		return stranger, http.StatusServiceUnavailable, err
	case shown:
		return stranger, http.StatusUnauthorized, errors.New(wrongToken)
	}
	return stranger, http.StatusUnauthorized, errors.New("neither a token nor a certificate of a node of this cluster was shown")
}

func (s *supervisor) byToken(ctx context.Context, name, password string) (visitor, error) {
	secrets, err := s.Secrets()
	if err != nil {
		return stranger, errors.New("the server cannot tell its token now: ask again")
	}
	isServer, isAgent := equal(password, secrets.Server), equal(password, secrets.Agent)
	switch {
	case name == token.Server && isServer:
		return aServer, nil
	case name == token.Node && (isServer || isAgent):
		return anAgent, nil
	case !token.IsBootstrap(password):
		return stranger, nil
	case s.Passwords() == nil:
		return stranger, errors.New(notReady)
	}
	isToken, err := s.Bootstrap(ctx, password)
	if err != nil {
		return stranger, fmt.Errorf("the API does not say whether the token is one of this cluster: %w", err)
	}
	if !isToken {
		return stranger, nil
	}
	return anAgent, nil
}
