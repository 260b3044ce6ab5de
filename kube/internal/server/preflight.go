package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/machine"
)

// hostFacts are what a server needs to know of its machine.
type hostFacts struct {
	machine.Facts
	advertise net.IP
}

// preflight finds out what can go wrong and says it in one sentence, with the way out.
func preflight(ctx context.Context, cfg config.Server) (h hostFacts, err error) {
	if h.Facts, err = machine.Check(cfg.Node, !cfg.DisableAgent); err != nil {
		return h, err
	}
	h.advertise = h.NodeIPs[0]
	if cfg.AdvertiseAddress != "" {
		h.advertise = net.ParseIP(cfg.AdvertiseAddress)
	}
	return h, portFree(ctx, bindAddress(cfg), cfg.HTTPSListenPort)
}

// portFree tries the port and gives it back: a listener kept open until the API serves would let the API's own clients
// hang in it, where a refused connection makes them try again at once.
func portFree(ctx context.Context, address string, port int) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort(address, fmt.Sprint(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("port %d is taken by another program: stop it, or choose another port with --https-listen-port", port)
	}
	if err != nil {
		return fmt.Errorf("cannot listen on %s port %d (see --bind-address, --https-listen-port): %w", address, port, err)
	}
	return l.Close()
}
