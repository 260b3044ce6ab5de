package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// DefaultConfigFile may be missing; a file that the user names may not.
const DefaultConfigFile = "/etc/rancher/k3s/config.yaml"

// A setting is one key of the merged configuration files, with the file that had the last word on it.
type setting struct {
	key    string
	values []string
	file   string
}

// readFiles merges FILE and FILE.d/*.yaml, in the order of their names, by k3s's rules: a later value replaces an
// earlier one, and a key that ends in + is appended to it instead.
func readFiles(files fs.FS, name string, required bool) ([]setting, error) {
	names, err := fs.Glob(files, rooted(name)+".d/*.yaml")
	if err != nil {
		return nil, err
	}
	yml, _ := fs.Glob(files, rooted(name)+".d/*.yml")
	names = append(names, yml...)
	sort.Strings(names)
	switch _, err := fs.Stat(files, rooted(name)); {
	case err == nil:
		names = append([]string{rooted(name)}, names...)
	case required && errors.Is(err, fs.ErrNotExist) && len(names) == 0:
		return nil, fmt.Errorf("--config: %s does not exist", name)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("--config: %w", err)
	}

	merged := map[string]setting{}
	for _, n := range names {
		b, err := fs.ReadFile(files, n)
		if err != nil {
			return nil, err
		}
		shown := "/" + n
		var doc map[string]any
		if err := yaml.Unmarshal(b, &doc, asWritten); err != nil {
			return nil, fmt.Errorf("%s: %w", shown, err)
		}
		for _, key := range slices.Sorted(maps.Keys(doc)) { // a key comes before itself with a +
			values, err := flatten(doc[key])
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", shown, key, err)
			}
			name, appended := strings.CutSuffix(key, "+")
			if appended {
				values = append(append([]string(nil), merged[name].values...), values...)
			}
			merged[name] = setting{name, values, shown}
		}
	}
	out := make([]setting, 0, len(merged))
	for _, s := range merged {
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].key < out[j].key })
	return out, nil
}

// asWritten keeps the digits of numbers: a token may be a long one.
func asWritten(d *json.Decoder) *json.Decoder {
	d.UseNumber()
	return d
}

func flatten(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		var out []string
		for _, e := range v {
			s, err := scalar(e)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
		}
		return out, nil
	default:
		s, err := scalar(v)
		return []string{s}, err
	}
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return fmt.Sprint(v), nil
	case json.Number:
		return v.String(), nil
	default:
		return "", fmt.Errorf("expected a value or a list of values, got %T", v)
	}
}

// rooted turns an absolute path into the name that fs.FS wants.
func rooted(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }
