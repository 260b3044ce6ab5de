package serve

import "testing"

func TestWithoutForward(t *testing.T) {
	const corefile = ".:53 {\n    errors\n    forward . /etc/resolv.conf\n    cache 30\n}\n"
	const want = ".:53 {\n    errors\n\n    cache 30\n}\n"
	if got := string(withoutForward([]byte(corefile))); got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	const own = "forward . 9.9.9.9\n"
	if got := string(withoutForward([]byte(own))); got != own {
		t.Errorf("got %q; want the user's own line kept", got)
	}
}
