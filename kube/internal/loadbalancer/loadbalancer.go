// Package loadbalancer hands connections on to whichever server of the cluster answers.
package loadbalancer

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"k3os.io/kube/internal/loop"
)

// dialTimeout is how long one server may take to accept a connection before the next one is asked.
const dialTimeout = 5 * time.Second

// A Balancer listens on this machine, and knows the servers behind it.
type Balancer struct {
	// Servers returns HOST:PORT of each, in the order of preference. Names are looked up for each connection.
	Servers func() []string
	// Current is the one that answered last.
	Current string

	mu   sync.Mutex
	said string
}

// Run hands on what connects to listener until ctx ends.
func (b *Balancer) Run(ctx context.Context, listener net.Listener) error {
	stop := context.AfterFunc(ctx, func() { listener.Close() })
	defer stop()
	var open sync.WaitGroup
	defer open.Wait()
	for {
		from, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			// Such as too many open files, for now.
			fmt.Fprintf(os.Stderr, "k3s: cannot take a connection to the API: %v\n", err)
			loop.Pause(ctx, time.Second)
			continue
		}
		open.Go(func() { b.handOn(ctx, from) })
	}
}

func (b *Balancer) handOn(ctx context.Context, from net.Conn) {
	defer from.Close()
	to, err := b.dial(ctx)
	if err != nil {
		b.tell(ctx, err)
		return
	}
	defer to.Close()
	stop := context.AfterFunc(ctx, func() { from.Close(); to.Close() })
	defer stop()
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() {
			_, _ = io.Copy(pair[0], pair[1]) // a connection that breaks ends for both
			pair[0].Close()
			pair[1].Close()
		})
	}
	both.Wait()
}

// dial connects to the server that answered last, or to the first one that does.
func (b *Balancer) dial(ctx context.Context) (conn net.Conn, err error) {
	b.mu.Lock()
	current := b.Current
	b.mu.Unlock()
	servers := b.Servers()
	if current != "" {
		servers = append([]string{current}, servers...)
	}
	dialer := net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	for _, server := range servers {
		if conn, err = dialer.DialContext(ctx, "tcp", server); err == nil {
			b.mu.Lock()
			b.Current, b.said = server, ""
			b.mu.Unlock()
			return conn, nil
		}
	}
	return nil, fmt.Errorf("no server of the cluster answers: %w", err)
}

// tell says a reason once in a row.
func (b *Balancer) tell(ctx context.Context, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err.Error() == b.said || ctx.Err() != nil {
		return
	}
	b.said = err.Error()
	fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
}
