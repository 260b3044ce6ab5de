package bootstraptoken

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func create(t *testing.T, c *fake.Clientset, o Options) string {
	t.Helper()
	o.Usages = DefaultUsages
	token, err := Create(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func isValid(t *testing.T, c *fake.Clientset, token string) bool {
	t.Helper()
	ok, err := IsValid(t.Context(), c, token)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestATokenLivesAsLongAsItIsToldTo(t *testing.T) {
	c := fake.NewClientset()
	token := create(t, c, Options{TTL: time.Hour, Groups: []string{DefaultGroup}, Description: "for one"})
	forEver := create(t, c, Options{})
	expired := create(t, c, Options{TTL: time.Nanosecond})
	for text, want := range map[string]bool{
		token: true, forEver: true, expired: false, "abcdef.0123456789abcdef": false, token[:22] + "!": false, "": false,
		token[:7] + "0123456789abcdef": false,
	} {
		if got := isValid(t, c, text); got != want {
			t.Errorf("%q is valid: %v; want %v", text, got, want)
		}
	}
	all, damaged, err := List(t.Context(), c)
	if err != nil || len(damaged) > 0 || len(all) != 3 {
		t.Fatalf("%d tokens, %v, %v; want 3", len(all), damaged, err)
	}
	if got := []string{all[0].Token.String(), all[1].Token.String(), all[2].Token.String()}; !slices.Equal(got, []string{expired, token, forEver}) {
		t.Errorf("%v; want those first that expire first", got)
	}
	if all[1].Description != "for one" || all[1].Groups[0] != DefaultGroup || len(all[1].Usages) != 2 {
		t.Errorf("%+v", all[1])
	}
}

func TestATokenForSigningAloneJoinsNobody(t *testing.T) {
	c := fake.NewClientset()
	token, err := Create(t.Context(), c, Options{Usages: []string{"signing"}})
	if err != nil || isValid(t, c, token) {
		t.Errorf("%v; want a token that is not valid", err)
	}
}

func TestDelete(t *testing.T) {
	c := fake.NewClientset()
	for _, form := range []func(string) string{
		func(token string) string { return token },
		func(token string) string { return token[:6] },
		func(token string) string { return "K10" + strings.Repeat("a", 64) + "::" + token },
	} {
		token := create(t, c, Options{})
		if id, err := Delete(t.Context(), c, form(token)); err != nil || id != token[:6] {
			t.Errorf("deleted %q, %v; want %s", id, err, token[:6])
		}
		if isValid(t, c, token) {
			t.Errorf("%s is valid after it was deleted", token)
		}
		if _, err := Delete(t.Context(), c, token); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("deleted twice: %v; want an error without the secret", err)
		}
	}
	if _, err := Delete(t.Context(), c, "K10nonsense"); err == nil {
		t.Error("deleted what is no token")
	}
}

func TestWhatIsNoTokenIsRefusedWithoutItsSecret(t *testing.T) {
	c := fake.NewClientset()
	token := create(t, c, Options{})
	for name, o := range map[string]Options{
		"too short": {Token: "abc.hushhush"}, "upper case": {Token: "ABCDEF.hushhushhushhush"},
		"there is one": {Token: token[:7] + "hushhushhushhush"}, "negative": {TTL: -1},
		"unknown usage": {Usages: []string{"everything"}}, "group of masters": {Groups: []string{"system:masters"}},
	} {
		if o.Usages == nil {
			o.Usages = DefaultUsages
		}
		if _, err := Create(t.Context(), c, o); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v; want an error without the secret", name, err)
		}
	}
}

func TestADamagedTokenCostsItselfAlone(t *testing.T) {
	c := fake.NewClientset()
	create(t, c, Options{})
	token := create(t, c, Options{})
	secrets := c.CoreV1().Secrets(metav1.NamespaceSystem)
	s, err := secrets.Get(context.Background(), "bootstrap-token-"+token[:6], metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.Data["token-secret"] = []byte("hush")
	if _, err := secrets.Update(context.Background(), s, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	all, damaged, err := List(context.Background(), c)
	if err != nil || len(all) != 1 || len(damaged) != 1 || strings.Contains(damaged[0].Error(), "hush") {
		t.Errorf("%v, %v, %v; want one of each", all, damaged, err)
	}
}
