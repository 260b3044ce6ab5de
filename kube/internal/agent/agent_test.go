package agent

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/files"
)

func TestUsableNameservers(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"", false},
		{"# nameserver 1.1.1.1\n", false},
		{"nameserver 127.0.0.53\n", false},
		{"nameserver ::1\nnameserver 0.0.0.0\n", false},
		{"nameserver 127.0.0.53\nnameserver 10.0.2.3\n", true},
		{"search x\n nameserver 2001:db8::1\n", true},
	} {
		if got := UsableNameservers(tt.text); got != tt.want {
			t.Errorf("UsableNameservers(%q) = %v; want %v", tt.text, got, tt.want)
		}
	}
}

func TestNetwork(t *testing.T) {
	dir := t.TempDir()
	n, err := NewNetwork(NetworkOptions{ClusterCIDR: "10.42.0.0/16", Backend: "vxlan", AgentDir: dir, IsFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Configure(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "etc", "cni", "net.d", "10-k3os.conflist"))
	if err != nil {
		t.Fatal(err)
	}
	var conf struct {
		Name    string
		Plugins []struct {
			Type string
			IPAM struct{ Ranges [][]struct{ Subnet string } }
		}
	}
	if err := json.Unmarshal(b, &conf); err != nil || len(conf.Plugins) != 2 || conf.Plugins[0].Type != "bridge" {
		t.Fatalf("got %s, %v; want a chain of bridge and portmap", b, err)
	}
	if got := conf.Plugins[0].IPAM.Ranges[0][0].Subnet; got != "10.42.0.0/24" {
		t.Errorf("pods in %s; want 10.42.0.0/24", got)
	}

	if _, err := NewNetwork(NetworkOptions{ClusterCIDR: "10.42.0.0/25", Backend: "vxlan", AgentDir: dir}); err == nil {
		t.Error("a /25 was accepted; want an error")
	}
	own, err := NewNetwork(NetworkOptions{ClusterCIDR: "10.42.0.0/16", Backend: "none", AgentDir: dir})
	if err != nil || own.Plugins().ConfDir != "/etc/cni/net.d" {
		t.Errorf("backend none gives %+v, %v; want the user's own directory", own, err)
	}
}

func TestNetworkOfAJoinedNode(t *testing.T) {
	dir := t.TempDir()
	options := NetworkOptions{ClusterCIDR: "10.42.0.0/16", Backend: "vxlan", AgentDir: dir, LinkMTU: 1500}
	file := filepath.Join(dir, "etc", "cni", "net.d", "10-k3os.conflist")
	n, err := NewNetwork(options)
	if err == nil {
		err = n.Configure()
	}
	if _, missing := os.Stat(file); err != nil || !os.IsNotExist(missing) {
		t.Fatalf("Configure without a range: %v, %v; want no file and no error", err, missing)
	}
	if err := files.Write(filepath.Join(dir, "etc", "pod-cidr"), []byte("10.42.7.0/24\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err = NewNetwork(options); err != nil {
		t.Fatal(err)
	}
	if err := n.Configure(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), `"subnet": "10.42.7.0/24"`) || !strings.Contains(string(b), `"mtu": 1450`) {
		t.Errorf("got %s, %v; want the range that was kept, and 1450 bytes", b, err)
	}
}

func TestParseTaints(t *testing.T) {
	got, err := parseTaints([]string{"a=b:NoSchedule", "c:NoExecute"})
	if err != nil || len(got) != 2 || got[0].Value != "b" || got[1].Key != "c" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"a=b", ":NoSchedule", "a:Never"} {
		if _, err := parseTaints([]string{bad}); err == nil {
			t.Errorf("parseTaints(%q) accepted it; want an error", bad)
		}
	}
}

// The plugin `flannel` of a configuration written for k3s stands for the one that gives pods their addresses here.
func TestNetworkWithACNIConfigurationOfTheUser(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "user.conflist")
	options := NetworkOptions{
		ClusterCIDR: "10.42.0.0/16", Backend: "wireguard-native", AgentDir: dir, LinkMTU: 1500, IsFirst: true, CNIConf: conf,
	}
	for text, wants := range map[string][]string{
		`{"name": "mine", "plugins": [{"type": "flannel", "delegate": {"hairpinMode": false}}, {"type": "tuning"}]}`: {
			`"name": "mine"`, `"type": "bridge"`, `"hairpinMode": false`, `"subnet": "10.42.0.0/24"`, `"mtu": 1420`, `"type": "tuning"`,
		},
		`{"name": "mine", "plugins": [{"type": "ptp"}]}`: {`"type": "ptp"`},
	} {
		if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := NewNetwork(options)
		if err == nil {
			err = n.Configure()
		}
		b, readErr := os.ReadFile(filepath.Join(dir, "etc", "cni", "net.d", "10-k3os.conflist"))
		if err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		for _, want := range wants {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s became %s; want %s", text, b, want)
			}
		}
	}
	for _, bad := range []string{`{`, `{"type": "bridge"}`, `{"plugins": [1]}`} {
		if err := os.WriteFile(conf, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := NewNetwork(options)
		if err == nil {
			err = n.Configure()
		}
		if err == nil || !strings.Contains(err.Error(), "--flannel-cni-conf: "+conf) {
			t.Errorf("%s: %v; want an error that names the file", bad, err)
		}
	}
}

func TestCredentialProvider(t *testing.T) {
	own := config.CredentialProviders
	if got := credentialProvider(own+"/bin", own+"/config.yaml"); got != nil {
		t.Errorf("%v where nobody has put anything; want nothing", got)
	}
	want := [][2]string{{"image-credential-provider-bin-dir", "/bin"}, {"image-credential-provider-config", "/no/such"}}
	if got := credentialProvider("/bin", "/no/such"); !reflect.DeepEqual(got, want) {
		t.Errorf("%v for what a user names; want %v, and the kubelet's error", got, want)
	}
}
