package etcd

import (
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage"
)

func TestArguments(t *testing.T) {
	m, _ := machine(t, 61, nil, nil)
	m.Args = []string{"quota-backend-bytes=4294967296", "--snapshot-count=77", "election-timeout=9000", "pre-vote"}
	c, err := m.config("m61-1")
	if err != nil {
		t.Fatal(err)
	}
	if c.QuotaBackendBytes != 4<<30 || c.SnapshotCount != 77 || c.ElectionMs != 9000 || c.TickMs != pace.heartbeatMs || !c.PreVote {
		t.Errorf("%d, %d, %d, %d, %v; want what was given, and the rest as without", c.QuotaBackendBytes, c.SnapshotCount, c.ElectionMs,
			c.TickMs, c.PreVote)
	}
	if c.MaxRequestBytes != maxRequest || c.Name != "m61-1" || c.PeerTLSInfo.CertFile != m.PeerCert || !c.PeerTLSInfo.ClientCertAuth {
		t.Errorf("%+v; want a member of the cluster all the same", c.PeerTLSInfo)
	}
	for arg, want := range map[string]string{
		"data-dir=/x":           "data-dir is not one of etcd's flags that can be set here",
		"nonsense=1":            "nonsense is not one of etcd's flags",
		"snapshot-count=many":   "snapshot-count=many",
		"heartbeat-interval=80": "election-timeout", // less than five of them
	} {
		m.Args = []string{arg, "election-timeout=300"}
		if _, err := m.config("m61-1"); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "--etcd-arg: ") {
			t.Errorf("%s: %v; want %q", arg, err, want)
		}
	}
}

func TestEachFlagThatCanBeSetChangesTheConfiguration(t *testing.T) {
	values := map[string][2]string{} // that etcd has by itself, and another one
	known := flag.NewFlagSet("etcd", flag.ContinueOnError)
	embed.NewConfig().AddFlags(known)
	for _, name := range settable {
		byItself := known.Lookup(name).DefValue
		other := "13"
		if v, ok := known.Lookup(name).Value.(flag.Getter); ok {
			switch v.Get().(type) {
			case bool:
				other = strconv.FormatBool(byItself == "false")
			case time.Duration:
				other = "13s"
			}
		}
		values[name] = [2]string{byItself, other}
	}
	for _, name := range settable {
		for i, value := range values[name] {
			c := embed.NewConfig()
			if err := apply(c, []string{"strict-reconfig-check=" + values["strict-reconfig-check"][0]}); err != nil {
				t.Fatal(err)
			}
			before := fmt.Sprintf("%+v", c)
			if err := apply(c, []string{name + "=" + value}); err != nil {
				t.Fatal(err)
			}
			if hasChanged := fmt.Sprintf("%+v", c) != before; hasChanged != (i == 1) {
				t.Errorf("%s=%s changes the configuration: %v; it is %s by itself", name, value, hasChanged, values[name][0])
			}
		}
	}
}

func TestTheQuota(t *testing.T) {
	m, _ := machine(t, 63, nil, nil)
	for arg, want := range map[string]int64{
		"pre-vote": limits.quota, "quota-backend-bytes=0": storage.DefaultQuotaBytes, "quota-backend-bytes=-1": math.MaxInt64,
		"quota-backend-bytes=4294967296": 4 << 30,
	} {
		m.Args = []string{arg}
		if quota, err := m.quota(); err != nil || room(quota) != want {
			t.Errorf("%s: %d, %v; want %d", arg, room(quota), err, want)
		}
	}
}

func TestMetricsAreExposedIfTheyAreAskedFor(t *testing.T) {
	m, _ := machine(t, 62, nil, nil)
	m.Metrics = true
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	stop := open(t, m)
	for _, host := range []string{"127.0.77.62", "127.0.0.1"} {
		response, err := client.Get(fmt.Sprintf("http://%s:%d/metrics", host, MetricsPort))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || !strings.Contains(string(b), "etcd_server_has_leader 1") {
			t.Errorf("%s: %v; want the metrics of etcd", host, err)
		}
	}
	stop()
	m.Metrics = false
	open(t, m)
	if _, err := client.Get(fmt.Sprintf("http://127.0.77.62:%d/metrics", MetricsPort)); err == nil {
		t.Error("they are there without being asked for")
	}
}
