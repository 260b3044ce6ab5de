package overlay

import (
	"errors"
	"net"

	"github.com/vishvananda/netlink"
)

// leaveOthers removes what a backend of an earlier start has left: its routes to single nodes come before a route to
// all of them, and packets that are to be encrypted would go on in clear.
func leaveOthers(c Config) error {
	for _, k := range kinds {
		if k.device == "" || k.name == c.kind.name {
			continue
		}
		link, err := netlink.LinkByName(k.device)
		if errors.As(err, &netlink.LinkNotFoundError{}) {
			continue
		}
		if err == nil {
			err = netlink.LinkDel(link)
		}
		if err != nil {
			return err
		}
	}
	if c.kind.name != kinds["wireguard-native"].name {
		return nil // its own routes take the place of those
	}
	_, pods, err := net.ParseCIDR(c.pods)
	if err != nil {
		return err
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if r.Gw == nil || r.Dst == nil || !pods.Contains(r.Dst.IP) {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil {
			return err
		}
	}
	return nil
}
