package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A Refusal says why something is not done, in a sentence for the user. Trying again does not help.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

// decoded reads the body of a request; what is expected of it, it says where it is something else.
func decoded(w http.ResponseWriter, r *http.Request, what string, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(into); err != nil {
		http.Error(w, "expected "+what+" in JSON", http.StatusBadRequest)
		return false
	}
	return true
}

func respond(w http.ResponseWriter, value any, err error) {
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		http.Error(w, refusal.Reason, http.StatusConflict)
	case err != nil:
		http.Error(w, fmt.Sprintf("the server cannot do it now: %v", err), http.StatusServiceUnavailable)
	default:
		answer(w, value)
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_ = json.NewEncoder(w).Encode(value)
}
