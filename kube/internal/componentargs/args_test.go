package componentargs

import (
	"reflect"
	"testing"
)

func TestMerge(t *testing.T) {
	defaults := [][2]string{{"v", "0"}, {"bind-address", "127.0.0.1"}}
	for _, tt := range []struct {
		name string
		user []string
		want []string
	}{
		{"nothing", nil, []string{"--v=0", "--bind-address=127.0.0.1"}},
		{"replaced", []string{"v=2"}, []string{"--bind-address=127.0.0.1", "--v=2"}},
		{"repeated", []string{"a=1", "a=2"}, []string{"--v=0", "--bind-address=127.0.0.1", "--a=1", "--a=2"}},
		{"dashes and commas", []string{"--plugins=A,B=c"}, []string{"--v=0", "--bind-address=127.0.0.1", "--plugins=A,B=c"}},
		{"a switch", []string{"profiling"}, []string{"--v=0", "--bind-address=127.0.0.1", "--profiling"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Merge(defaults, tt.user); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Merge(%q) = %q; want %q", tt.user, got, tt.want)
			}
		})
	}
}
