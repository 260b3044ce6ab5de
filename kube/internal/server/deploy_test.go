package server

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"k3os.io/kube/internal/components"
	"k3os.io/kube/internal/config"
)

func TestWriteManifest(t *testing.T) {
	failure := errors.New("no address")
	for _, tt := range []struct {
		name           string
		disabled       bool
		unwanted       bool
		err            error
		before, wanted string // "" is no file
	}{
		{name: "the first time", wanted: "new"},
		{name: "after an upgrade", before: "old", wanted: "new"},
		{name: "disabled", disabled: true, before: "old"},
		{name: "disabled from the beginning", disabled: true},
		{name: "without a use for it", unwanted: true, before: "old", wanted: "old"},
		{name: "disabled and without a use for it", disabled: true, unwanted: true, before: "old"},
		{name: "that cannot be rendered", err: failure, before: "old", wanted: "old"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "c.yaml")
			if tt.before != "" {
				if err := os.WriteFile(file, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c := components.Component{
				Name:     "c",
				Wanted:   func(config.Server) bool { return !tt.unwanted },
				Manifest: func(config.Server) ([]byte, error) { return []byte("new"), tt.err },
			}
			var cfg config.Server
			if tt.disabled {
				cfg.Disable = []string{"c"}
			}
			if err := writeManifest(dir, c, cfg); !errors.Is(err, tt.err) {
				t.Errorf("%v; want %v", err, tt.err)
			}
			b, err := os.ReadFile(file)
			if string(b) != tt.wanted || (tt.wanted == "") != errors.Is(err, os.ErrNotExist) {
				t.Errorf("%q, %v; want %q", b, err, tt.wanted)
			}
		})
	}
}
