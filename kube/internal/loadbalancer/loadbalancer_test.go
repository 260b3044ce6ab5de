package loadbalancer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
)

// echo answers each line with its name.
func echo(t *testing.T, name string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					fmt.Fprintln(c, name)
				}
			}()
		}
	}()
	return l
}

func TestBalancer(t *testing.T) {
	one, two := echo(t, "one"), echo(t, "two")
	var servers atomic.Pointer[[]string]
	servers.Store(&[]string{one.Addr().String(), two.Addr().String()})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- (&Balancer{Servers: func() []string { return *servers.Load() }}).Run(ctx, listener) }()
	ask := func(c net.Conn) string {
		fmt.Fprintln(c, "who?")
		answer, _ := bufio.NewReader(c).ReadString('\n')
		return answer
	}
	dial := func() net.Conn {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}

	first := dial()
	if got := ask(first); got != "one\n" {
		t.Errorf("asked %q; want the first server", got)
	}
	one.Close()
	if got := ask(dial()); got != "two\n" {
		t.Errorf("asked %q; want the one that answers", got)
	}
	if got := ask(first); got != "one\n" {
		t.Errorf("asked %q; want a connection that stands to stay", got)
	}
	servers.Store(&[]string{one.Addr().String()})
	if got := ask(dial()); got != "two\n" {
		t.Errorf("asked %q; want the one that answered last, even if it is no more in the list", got)
	}
	two.Close()
	if got := ask(dial()); got != "" {
		t.Errorf("asked %q; want the connection to end", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := ask(first); got != "" {
		t.Errorf("asked %q; want no connection to outlive the balancer", got)
	}
}
