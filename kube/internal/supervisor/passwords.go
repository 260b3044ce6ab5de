package supervisor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"
)

// Passwords keep one machine from taking the name of another one: a node's first password is kept in a Secret, under
// the name that k3s gives it, until its Node is deleted. They are a PasswordKeeper.
type Passwords struct{ client kubernetes.Interface }

// NewPasswords keeps them in the API.
func NewPasswords(client kubernetes.Interface) *Passwords { return &Passwords{client} }

// OtherMachineError says that the name belongs to another machine.
type OtherMachineError struct{ node string }

// OtherMachine is an OtherMachineError for this node.
func OtherMachine(node string) error { return &OtherMachineError{node} }

func (e *OtherMachineError) Error() string {
	return fmt.Sprintf("another machine has joined this cluster as %s: give this one another name, or, if that machine is"+
		" gone or was installed anew, delete its node (kubectl delete node %s)", e.node, e.node)
}

const (
	passwordSuffix = ".node-password.k3s"
	hashKey        = "hash"
	leastPassword  = 16
)

// errNotJoined says that a certificate is not enough.
var errNotJoined = errors.New("no node of that name has joined, or it was deleted: its token is not that of this cluster, or" +
	" has expired; give it another one")

// Check is PasswordKeeper's.
func (p *Passwords) Check(ctx context.Context, node, password string) error {
	for {
		err := p.Recheck(ctx, node, password)
		if !errors.Is(err, errNotJoined) {
			return err
		}
		immutable := true
		_, err = p.client.CoreV1().Secrets(metav1.NamespaceSystem).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: node + passwordSuffix},
			Immutable:  &immutable,
			Data:       map[string][]byte{hashKey: []byte(hash(password))},
		}, metav1.CreateOptions{})
		if !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

// Recheck is PasswordKeeper's.
func (p *Passwords) Recheck(ctx context.Context, node, password string) error {
	if len(password) < leastPassword {
		return &OtherMachineError{node}
	}
	have, err := p.client.CoreV1().Secrets(metav1.NamespaceSystem).Get(ctx, node+passwordSuffix, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return errNotJoined
	}
	if err == nil && !isHashOf(string(have.Data[hashKey]), password) {
		err = &OtherMachineError{node}
	}
	return err
}

// NotJoined is the error of a node that has no password yet.
func NotJoined() error { return errNotJoined }

// Forget lets another machine join under the name of a Node that was deleted.
func (p *Passwords) Forget(ctx context.Context, node string) error {
	err := p.client.CoreV1().Secrets(metav1.NamespaceSystem).Delete(ctx, node+passwordSuffix, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Sweep forgets the passwords of names that have no Node, unless they are younger than youngest: such a node may be
// about to register. So a machine that gave up in the middle of joining keeps nobody from its name.
func (p *Passwords) Sweep(ctx context.Context, youngest time.Duration) error {
	secrets, err := p.client.CoreV1().Secrets(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, s := range secrets.Items {
		node, isPassword := strings.CutSuffix(s.Name, passwordSuffix)
		if !isPassword || time.Since(s.CreationTimestamp.Time) < youngest {
			continue
		}
		_, err := p.client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			err = p.Forget(ctx, node)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A password has 128 random bits, so one round of a hash is enough: $2:SALT:SHA-256 of both.
func hash(password string) string {
	salt := make([]byte, 8)
	_, _ = rand.Read(salt) // never fails: crypto/rand ends the process instead
	return hashWith(hex.EncodeToString(salt), password)
}

func hashWith(salt, password string) string {
	sum := sha256.Sum256([]byte(salt + password))
	return "$2:" + salt + ":" + hex.EncodeToString(sum[:])
}

func isHashOf(kept, password string) bool {
	parts := strings.Split(kept, ":")
	return len(parts) == 3 && equal(kept, hashWith(parts[1], password))
}

// equal takes the same time whatever the texts have in common.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func nameProblem(node string) string {
	if node == "" {
		return "a node has a name"
	}
	return strings.Join(validation.IsDNS1123Subdomain(node), "; ")
}
