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
		{"appended", []string{"bind-address+=::1"}, []string{"--v=0", "--bind-address=127.0.0.1", "--bind-address=::1"}},
		{"prepended", []string{"bind-address-=::1"}, []string{"--v=0", "--bind-address=::1", "--bind-address=127.0.0.1"}},
		{"appended twice", []string{"v+=1", "v+=2"}, []string{"--bind-address=127.0.0.1", "--v=0", "--v=1", "--v=2"}},
		{"replaced, then appended", []string{"v=1", "v+=2"}, []string{"--bind-address=127.0.0.1", "--v=1", "--v=2"}},
		{"prepended to what the user gave", []string{"a=1", "a-=2"},
			[]string{"--v=0", "--bind-address=127.0.0.1", "--a=2", "--a=1"}},
		{"appended without a default", []string{"--a+=1"}, []string{"--v=0", "--bind-address=127.0.0.1", "--a=1"}},
		{"a + in a value", []string{"a=b+=c"}, []string{"--v=0", "--bind-address=127.0.0.1", "--a=b+=c"}},
		{"a switch", []string{"profiling"}, []string{"--v=0", "--bind-address=127.0.0.1", "--profiling"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Merge(defaults, tt.user); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Merge(%q) = %q; want %q", tt.user, got, tt.want)
			}
		})
	}
}
