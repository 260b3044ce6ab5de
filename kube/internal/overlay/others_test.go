package overlay

import (
	"errors"
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ownNetwork is a network namespace of the test's, with an interface eth0 of 192.0.2.1/24.
func ownNetwork(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	runtime.LockOSThread() // and the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("this host makes no network namespace: ", err)
	}
	eth0 := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}}
	if err := netlink.LinkAdd(eth0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this host's kernel has no bridges")
	} else if err != nil {
		t.Fatal(err)
	}
	address, err := netlink.ParseAddr("192.0.2.1/24")
	if err == nil {
		err = errors.Join(netlink.AddrAdd(eth0, address), netlink.LinkSetUp(eth0))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnotherBackendLeavesNoRoutesToNodes(t *testing.T) {
	ownNetwork(t)
	eth0, err := netlink.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	route := func(cidr string) {
		_, dst, err := net.ParseCIDR(cidr)
		if err == nil {
			err = netlink.RouteAdd(&netlink.Route{LinkIndex: eth0.Attrs().Index, Dst: dst, Gw: net.IPv4(192, 0, 2, 2)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	route("10.42.1.0/24") // of host-gw
	route("10.9.0.0/16")  // not ours
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "flannel.1"}}); err != nil {
		t.Fatal(err)
	}
	leave := func(backend string) {
		c, err := NewConfig(t.TempDir(), pods, backend)
		if err == nil {
			err = leaveOthers(c)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	left := func() (routes []string, device bool) {
		all, err := netlink.RouteList(nil, netlink.FAMILY_V4)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.Gw != nil {
				routes = append(routes, r.Dst.String())
			}
		}
		_, err = netlink.LinkByName("flannel.1")
		return routes, err == nil
	}
	leave("vxlan")
	if routes, device := left(); len(routes) != 2 || !device {
		t.Errorf("vxlan leaves %v, device %v; want what is its own, and what it replaces", routes, device)
	}
	leave("host-gw")
	if routes, device := left(); len(routes) != 2 || device {
		t.Errorf("host-gw leaves %v, device %v; want the routes alone", routes, device)
	}
	leave("wireguard-native")
	if routes, _ := left(); len(routes) != 1 || routes[0] != "10.9.0.0/16" {
		t.Errorf("wireguard leaves %v; want only what is not flannel's", routes)
	}
}
