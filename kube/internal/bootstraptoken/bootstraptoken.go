// Package bootstraptoken keeps the tokens that join agents for a while, in the Secrets that kubeadm's tokens have, too.
// The controllers delete those that have expired.
package bootstraptoken

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	bootstrapapi "k8s.io/cluster-bootstrap/token/api"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/apis/bootstraptoken/v1"
	authenticator "k8s.io/kubernetes/plugin/pkg/auth/authenticator/token/bootstrap"
)

// DefaultTTL is k3s's, as is DefaultGroup.
const (
	DefaultTTL   = 24 * time.Hour
	DefaultGroup = "system:bootstrappers:k3s:default-node-token"
)

// DefaultUsages are k3s's. Agents join with tokens for authentication only.
var DefaultUsages = []string{"signing", "authentication"}

// Options are what a new token is like.
type Options struct {
	Token       string // ID.SECRET; random if empty
	Description string
	TTL         time.Duration // 0 is for ever
	Usages      []string
	Groups      []string
}

// Create makes a token and returns it as ID.SECRET.
func Create(ctx context.Context, client kubernetes.Interface, o Options) (string, error) {
	token, err := o.check()
	if err != nil {
		return "", err
	}
	secret := kubeadm.BootstrapTokenToSecret(&kubeadm.BootstrapToken{
		Token: token, Description: o.Description, TTL: &metav1.Duration{Duration: o.TTL}, Usages: o.Usages, Groups: o.Groups,
	})
	_, err = client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("there is a token with the ID %s already: delete it, or choose another one", token.ID)
	}
	return token.String(), err
}

func (o Options) check() (*kubeadm.BootstrapTokenString, error) {
	if o.TTL < 0 {
		return nil, fmt.Errorf("--ttl: expected a time such as 30m or 24h, or 0 for ever, got %s", o.TTL)
	}
	if err := bootstraputil.ValidateUsages(o.Usages); err != nil {
		return nil, fmt.Errorf("--usages: expected some of %s, got %s", strings.Join(DefaultUsages, ", "), strings.Join(o.Usages, ", "))
	}
	for _, group := range o.Groups {
		if err := bootstraputil.ValidateBootstrapGroupName(group); err != nil {
			return nil, fmt.Errorf("--groups: expected names that begin with %s:, got %q", bootstrapapi.BootstrapDefaultGroup, group)
		}
	}
	if len(o.Groups) > 0 && !slices.Contains(o.Usages, "authentication") {
		return nil, errors.New("--groups: they are for tokens with the usage authentication")
	}
	if o.Token == "" {
		var err error
		if o.Token, err = bootstraputil.GenerateBootstrapToken(); err != nil {
			return nil, err
		}
	}
	token, err := kubeadm.NewBootstrapTokenString(o.Token)
	if err != nil {
		return nil, errors.New("the token: expected six of a-z and 0-9, a dot, and sixteen more; `k3s token generate` prints one")
	}
	return token, nil
}

// Delete takes an ID, ID.SECRET, or a whole token, and returns the ID.
func Delete(ctx context.Context, client kubernetes.Interface, text string) (id string, err error) {
	if i := strings.LastIndex(text, "::"); i >= 0 {
		text = text[i+2:]
	}
	id, _, _ = strings.Cut(text, ".")
	if !bootstraputil.IsValidBootstrapTokenID(id) {
		return "", errors.New("expected a token, or its ID: six of a-z and 0-9; `k3s token list` shows them")
	}
	name := bootstraputil.BootstrapTokenSecretName(id)
	err = client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return "", fmt.Errorf("there is no token with the ID %s: `k3s token list` shows those that there are", id)
	}
	return id, err
}

// List returns the tokens, those that expire first before the others. What is wrong with one is told of it, and costs
// it alone.
func List(ctx context.Context, client kubernetes.Interface) (all []*kubeadm.BootstrapToken, damaged []error, err error) {
	secrets, err := client.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{
		FieldSelector: "type=" + string(bootstrapapi.SecretTypeBootstrapToken),
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if secret.Type != bootstrapapi.SecretTypeBootstrapToken {
			continue
		}
		token, err := kubeadm.BootstrapTokenFromSecret(secret)
		if err != nil {
			// Upstream's error may repeat the secret.
			damaged = append(damaged, fmt.Errorf("Secret %s of kube-system is no bootstrap token: it has no proper ID, secret or expiration", secret.Name))
			continue
		}
		all = append(all, token)
	}
	slices.SortStableFunc(all, func(a, b *kubeadm.BootstrapToken) int {
		switch {
		case a.Expires == nil || b.Expires == nil:
			return boolean(a.Expires == nil) - boolean(b.Expires == nil)
		default:
			return a.Expires.Compare(b.Expires.Time)
		}
	})
	return all, damaged, nil
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// IsValid tells whether a text is a token that lets agents join now. It asks the API each time: machines join seldom.
func IsValid(ctx context.Context, client kubernetes.Interface, text string) (bool, error) {
	_, ok, err := authenticator.NewTokenAuthenticator(secrets{ctx, client}).AuthenticateToken(ctx, text)
	return ok, err
}

// secrets are those of kube-system, as the authenticator wants to be given them.
type secrets struct {
	ctx    context.Context
	client kubernetes.Interface
}

func (s secrets) Get(name string) (*corev1.Secret, error) {
	return s.client.CoreV1().Secrets(metav1.NamespaceSystem).Get(s.ctx, name, metav1.GetOptions{})
}

func (s secrets) List(labels.Selector) ([]*corev1.Secret, error) {
	return nil, errors.New("tokens are asked for one by one")
}

var _ corelisters.SecretNamespaceLister = secrets{}
