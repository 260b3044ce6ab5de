package supervisor

import (
	"context"
	"net/http"
)

// An EncryptionKeeper knows how the Secrets of the cluster are encrypted. A Refusal is its error where trying again
// does not help.
type EncryptionKeeper interface {
	Status(ctx context.Context) (EncryptionStatus, error)
	// Change begins a change on all servers, and returns when it is under way.
	Change(ctx context.Context, change EncryptionChange) error
	// Keys are those of this server, as its file has them.
	Keys() ([]byte, error)
	// Apply makes this server's API server go by other keys.
	Apply(ctx context.Context, keys EncryptionKeys) error
}

// EncryptionStatus is what k3s tells, and what this build knows more.
type EncryptionStatus struct {
	Enable       *bool    `json:"enable,omitempty"` // nil without --secrets-encryption
	ActiveKey    string   `json:"activeKey,omitempty"`
	InactiveKeys []string `json:"inactiveKeys,omitempty"`
	Provider     string   `json:"provider,omitempty"`
	Stage        string   `json:"stage,omitempty"` // k3s's word
	// Secrets is how many there are, and UpToDate how many of them are stored as the active key, or none, would.
	Secrets  int `json:"secrets"`
	UpToDate int `json:"upToDate"`
	// Running is what is being done, and Done how many Secrets it has seen to.
	Running string `json:"running,omitempty"`
	Done    int    `json:"done,omitempty"`
	// Failed is why the last change did not come to its end.
	Failed string `json:"failed,omitempty"`
}

// EncryptionChange is what is asked for: one of the two, in k3s's form.
type EncryptionChange struct {
	Enable *bool   `json:"enable,omitempty"`
	Stage  *string `json:"stage,omitempty"`
}

// StageRotateKeys is the one that this build knows.
const StageRotateKeys = "rotate_keys"

// EncryptionKeys replace others, if those are what a server has.
type EncryptionKeys struct{ From, To []byte }

func (s *supervisor) encryptionStatus(w http.ResponseWriter, r *http.Request) {
	status, err := s.Encryption.Status(r.Context())
	respond(w, status, err)
}

func (s *supervisor) encryptionKeys(w http.ResponseWriter, _ *http.Request) {
	keys, err := s.Encryption.Keys()
	if err != nil {
		respond(w, nil, err)
		return
	}
	_, _ = w.Write(keys)
}

func (s *supervisor) changeEncryption(w http.ResponseWriter, r *http.Request) {
	var change EncryptionChange
	if decoded(w, r, "a request", &change) {
		respond(w, "ok", s.Encryption.Change(r.Context(), change))
	}
}

func (s *supervisor) applyEncryption(w http.ResponseWriter, r *http.Request) {
	var keys EncryptionKeys
	if decoded(w, r, "a request", &keys) {
		respond(w, "ok", s.Encryption.Apply(r.Context(), keys))
	}
}
