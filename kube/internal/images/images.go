// Package images keeps the archives in agent/images loaded in containerd, so that a node needs no registry.
package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/diff"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/pkg/archive/compression"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"

	"k3os.io/kube/internal/dirwatch"
	"k3os.io/kube/internal/files"
)

const namespace = "k8s.io"

// settle is how long a file must be left alone before it is taken for complete.
const settle = 500 * time.Millisecond

var suffixes = []string{".tar", ".tar.gz", ".tgz", ".tar.zst", ".tar.zstd"}

// An Importer loads the archives of one directory.
type Importer struct {
	Dir         string // agent/images; links are followed
	StateFile   string // remembers what was loaded
	Socket      string
	Snapshotter string
}

// record is what the state file holds of one archive.
type record struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Images   []string  `json:"images"`
}

// ImportAll loads every archive that is new, has changed, or whose images are gone. An archive that cannot be loaded
// does not keep the others, or the node, from starting: the error names each one.
func (im *Importer) ImportAll(ctx context.Context) error {
	tars, err := archives(im.Dir)
	if err != nil || len(tars) == 0 {
		return err
	}
	client, err := containerd.New(im.Socket, containerd.WithDefaultNamespace(namespace))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx = namespaces.WithNamespace(ctx, namespace)

	have := map[string]bool{}
	list, err := client.ImageService().List(ctx)
	if err != nil {
		return fmt.Errorf("cannot list containerd's images: %w", err)
	}
	for _, i := range list {
		have[i.Name] = true
	}
	state := im.load()
	var errs []error
	for _, f := range tars {
		info, err := os.Stat(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if r, ok := state[f]; ok && r.current(info, have) {
			continue
		}
		names, err := im.importFile(ctx, client, f)
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot load the images in %s: %w", f, err))
			continue
		}
		state[f] = record{info.Size(), info.ModTime(), names}
		fmt.Fprintf(os.Stderr, "k3s: loaded %s from %s\n", strings.Join(names, ", "), f)
	}
	return errors.Join(append(errs, im.save(state))...)
}

func (r record) current(info os.FileInfo, have map[string]bool) bool {
	if r.Size != info.Size() || !r.Modified.Equal(info.ModTime()) {
		return false
	}
	for _, n := range r.Images {
		if !have[n] {
			return false
		}
	}
	return true
}

func (im *Importer) importFile(ctx context.Context, client *containerd.Client, file string) ([]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tar, err := compression.DecompressStream(f)
	if err != nil {
		return nil, err
	}
	defer tar.Close()
	loaded, err := client.Import(ctx, tar,
		containerd.WithImageRefTranslator(normalise),
		containerd.WithDigestRef(func(d digest.Digest) string {
			return "import-" + time.Now().UTC().Format(time.DateOnly) + "@" + d.String()
		}),
		containerd.WithSkipDigestRef(func(name string) bool { return name != "" }),
		containerd.WithImportPlatform(platforms.Default()),
		// CRI lists only what carries its label, and the kubelet must not collect what no registry could give back.
		containerd.WithImageLabels(map[string]string{"io.cri-containerd.image": "managed", "io.cri-containerd.pinned": "pinned"}),
	)
	if err != nil {
		return nil, err
	}
	if len(loaded) == 0 {
		return nil, errors.New("no image for this machine's platform in it")
	}
	var names []string
	for _, i := range loaded {
		if err := im.unpack(ctx, client, i); err != nil {
			return nil, fmt.Errorf("%s: %w", i.Name, err)
		}
		names = append(names, i.Name)
	}
	sort.Strings(names)
	return names, nil
}

// unpack syncs each layer: containerd notes at once that it is there, and after a power cut would run empty files for
// ever.
func (im *Importer) unpack(ctx context.Context, client *containerd.Client, i images.Image) error {
	return containerd.NewImageWithPlatform(client, i, platforms.Default()).
		Unpack(ctx, im.Snapshotter, containerd.WithUnpackApplyOpts(diff.WithSyncFs(true)))
}

// normalise gives "busybox" its full name, under which the kubelet will ask for it.
func normalise(name string) string {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return name
	}
	return ref.String()
}

// Watch loads archives that appear or change until ctx ends.
func (im *Importer) Watch(ctx context.Context) error {
	if err := os.MkdirAll(im.Dir, 0o755); err != nil {
		return err
	}
	return dirwatch.Run(ctx, im.Dir, settle, func(ctx context.Context) time.Duration {
		if err := im.ImportAll(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
		}
		return 0
	})
}

func archives(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if isArchive(e.Name()) {
			out = append(out, filepath.Join(dir, e.Name()))
		}
	}
	return out, nil
}

func isArchive(name string) bool {
	if strings.HasPrefix(name, ".") {
		return false
	}
	for _, s := range suffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

func (im *Importer) load() map[string]record {
	state := map[string]record{}
	if b, err := os.ReadFile(im.StateFile); err == nil {
		_ = json.Unmarshal(b, &state) // a damaged record only means that everything is loaded again
	}
	return state
}

func (im *Importer) save(state map[string]record) error {
	b, err := json.MarshalIndent(state, "", "  ")
	if err == nil {
		err = files.Write(im.StateFile, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("cannot remember which images are loaded: %w", err)
	}
	return nil
}
