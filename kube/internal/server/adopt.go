package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/localpath"
	"k3os.io/kube/internal/metrics"
	"k3os.io/kube/internal/servicelb"
	"k3os.io/kube/internal/supervisor"
)

// adopt makes the values that all servers must have in common those of the cluster. One that the user has set to
// something else is an error.
func adopt(cfg *config.Server, cluster supervisor.ClusterConfig) error {
	c := &cfg.ControlPlane
	for _, one := range []struct {
		flag        string
		own         *[]string
		ofTheOthers []string
	}{
		{"cluster-cidr", &c.ClusterCIDR, texts(cluster.ClusterIPRanges)},
		{"service-cidr", &c.ServiceCIDR, texts(cluster.ServiceIPRanges)},
	} {
		if err := adoptOne(cfg, one.flag, strings.Join(*one.own, ","), strings.Join(one.ofTheOthers, ",")); err != nil {
			return err
		}
		*one.own = one.ofTheOthers
	}
	dns := cluster.ClusterDNS.String()
	if err := adoptOne(cfg, "cluster-dns", strings.Join(c.ClusterDNS, ","), dns); err != nil {
		return err
	}
	if own, err := c.DNSAddress(); err != nil || own.String() != dns {
		c.ClusterDNS = []string{dns}
	}
	for _, one := range []struct {
		flag        string
		own         *string
		ofTheOthers string
	}{
		{"cluster-domain", &c.ClusterDomain, cluster.ClusterDomain},
		{"flannel-backend", &c.FlannelBackend, cluster.FlannelBackend},
	} {
		if err := adoptOne(cfg, one.flag, *one.own, one.ofTheOthers); err != nil {
			return err
		}
		*one.own = one.ofTheOthers
	}
	for _, one := range []struct {
		flag        string
		own         *bool
		ofTheOthers bool
	}{
		{"disable-network-policy", &c.DisableNetworkPolicy, cluster.DisableNPC},
		{"flannel-external-ip", &c.FlannelExternalIP, cluster.FlannelExternalIP},
	} {
		if err := adoptOne(cfg, one.flag, strconv.FormatBool(*one.own), strconv.FormatBool(one.ofTheOthers)); err != nil {
			return err
		}
		*one.own = one.ofTheOthers
	}
	return adoptDisabled(cfg, cluster.DisabledParts)
}

func adoptOne(cfg *config.Server, flag, own, ofTheOthers string) error {
	if cfg.Given(flag) && own != ofTheOthers {
		return fmt.Errorf("--%s is %s here and %s on the servers of the cluster: set it to that, or leave it out", flag, own, ofTheOthers)
	}
	return nil
}

func texts[T fmt.Stringer](values []T) (all []string) {
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}

// A sharedPart is one that either all servers run or none, since it works by what all of them see.
type sharedPart struct{ name, flag string }

const controllerManager = "controller-manager"

var sharedParts = []sharedPart{
	{controllerManager, "disable-controller-manager"},
	{localpath.Name, "disable"}, {metrics.Name, "disable"}, {servicelb.Name, "disable"},
}

// command is the flag with which a server does not run the part.
func (s sharedPart) command() string {
	if s.flag == "disable" {
		return "--disable=" + s.name
	}
	return "--" + s.flag
}

// disabledParts are those that a server does not run; never nil.
func disabledParts(cfg config.ControlPlane) []string {
	names := []string{}
	for _, part := range sharedParts {
		if part.name == controllerManager && cfg.DisableControllerManager || cfg.Disabled(part.name) {
			names = append(names, part.name)
		}
	}
	return names
}

// differingParts are those that one of two clusters does not run.
func differingParts(one, another []string) (differing []sharedPart) {
	for _, part := range sharedParts {
		if slices.Contains(one, part.name) != slices.Contains(another, part.name) {
			differing = append(differing, part)
		}
	}
	return differing
}

// adoptDisabled is adopt for the parts that servers run. What --disable names besides is each server's own.
func adoptDisabled(cfg *config.Server, ofTheOthers []string) error {
	if ofTheOthers == nil {
		return nil
	}
	own := disabledParts(cfg.ControlPlane)
	for _, part := range sharedParts {
		here, there := slices.Contains(own, part.name), slices.Contains(ofTheOthers, part.name)
		switch {
		case here == there:
		case cfg.Given(part.flag) && here:
			return fmt.Errorf("%s is given here, and the servers of the cluster run the %s: leave it out, or give it to those"+
				" servers first", part.command(), part.name)
		case cfg.Given(part.flag):
			return fmt.Errorf("the %s is enabled here, and the servers of the cluster have %s: add that, or leave --%s out",
				part.name, part.command(), part.flag)
		case part.name == controllerManager:
			cfg.DisableControllerManager = there
		default: // --disable is not given, so what is missing is that of the others
			cfg.Disable = append(cfg.Disable, part.name)
		}
	}
	return nil
}

// sinceJoined is the cluster as it was when this server joined, with what may be changed afterwards, on one server
// after the other.
func sinceJoined(cfg config.Server, cluster supervisor.ClusterConfig) supervisor.ClusterConfig {
	if cfg.Given("disable-network-policy") {
		cluster.DisableNPC = cfg.DisableNetworkPolicy
	}
	own := disabledParts(cfg.ControlPlane)
	cluster.DisabledParts = slices.Clone(cluster.DisabledParts)
	for _, part := range sharedParts {
		if cluster.DisabledParts == nil || !cfg.Given(part.flag) {
			continue
		}
		is := func(name string) bool { return name == part.name }
		cluster.DisabledParts = slices.DeleteFunc(cluster.DisabledParts, is)
		if slices.ContainsFunc(own, is) {
			cluster.DisabledParts = append(cluster.DisabledParts, part.name)
		}
	}
	return cluster
}
