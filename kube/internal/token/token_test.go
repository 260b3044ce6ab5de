package token

import (
	"strings"
	"testing"
)

const someHash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Token
	}{
		{"plain", Token{Secret: "plain"}},
		{"with:colon", Token{Secret: "with:colon"}},
		{"server:s", Token{User: "server", Secret: "s"}},
		{"abcdef.0123456789abcdef", Token{Secret: "abcdef.0123456789abcdef"}},
		{"K10" + someHash + "::server:s:e", Token{someHash, "server", "s:e"}},
		{"K10" + someHash + "::node:s", Token{someHash, "node", "s"}},
		{"K10::server:s", Token{"", "server", "s"}},
		{"K10" + someHash + "::abcdef.0123456789abcdef", Token{someHash, "", "abcdef.0123456789abcdef"}},
	} {
		if got, err := Parse(tt.text); err != nil || got != tt.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
		}
	}
}

func TestParseRefusesWithoutTheSecret(t *testing.T) {
	const secret = "hush"
	for name, tt := range map[string]struct{ text, want string }{
		"empty":                {"", "empty"},
		"no ::":                {"K10" + secret, "no ::"},
		"a short hash":         {"K10abc::server:" + secret, "3 characters that are not such a hash"},
		"a hash that is none":  {"K10" + strings.Repeat("x", 64) + "::server:" + secret, "64 characters that are not such a hash"},
		"nobody's":             {"K10" + someHash + "::" + secret, "neither server:SECRET"},
		"an unknown user":      {"K10" + someHash + "::root:" + secret, "neither server:SECRET"},
		"nothing after server": {"K10" + someHash + "::server:", "neither server:SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("%v tells the secret", err)
			}
		})
	}
}

func TestCheckAuthority(t *testing.T) {
	own := []byte("this cluster's")
	for _, tt := range []struct{ name, text, want string }{
		{"its own", Format(own, Server, "hush"), ""},
		{"a bare secret", "hush", ""},
		{"no hash", "K10::server:hush", ""},
		{"another's", Format([]byte("another's"), Server, "hush"), "belongs to another cluster: expected K10"},
	} {
		parsed, err := Parse(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		switch err := parsed.CheckAuthority(own); {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		case err != nil && strings.Contains(err.Error(), "hush"):
			t.Errorf("%s: %v tells the secret", tt.name, err)
		}
	}
}
