package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// tokenMap is the ConfigMap of kube-system by which servers tell each other that the token was changed. It is sealed,
// so that nobody else learns the token of it; it is there from the first change on.
const (
	tokenMap     = "k3s-token"
	tokenKey     = "sealed"
	tokenPurpose = "the token of servers"
)

// errTokenMap says that what is there is not what a server has written last.
var errTokenMap = fmt.Errorf("ConfigMap %s of kube-system is not to be believed", tokenMap)

// A toldToken is what is sealed. The serial number counts the changes, so that nobody brings an old token back with an
// old ConfigMap.
type toldToken struct {
	Serial uint64
	Secret string
}

// askPatience is how long a request waits for what the cluster says of the token.
const askPatience = 10 * time.Second

// pingPatience is how long a change of the token waits for each of the other servers.
const pingPatience = 10 * time.Second

// currentSecrets are those that count now: another server may have changed the token.
func (p *controlPlane) currentSecrets() (supervisor.Secrets, error) {
	if p.members != nil && p.passwords.Load() != nil {
		ctx, cancel := context.WithTimeout(context.Background(), askPatience)
		defer cancel()
		if err := p.followToken(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot tell whether the token was changed: %v\n", err)
			if !errors.Is(err, errTokenMap) { // or nobody could change that any more
				return supervisor.Secrets{}, err
			}
		}
	}
	return p.joinSecrets()
}

// followToken takes over the token that another server has changed.
func (p *controlPlane) followToken(ctx context.Context) error {
	have, err := p.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, tokenMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	told, err := p.readToken(have)
	if err != nil {
		return err
	}
	p.tokenChange.Lock()
	defer p.tokenChange.Unlock()
	if known := pki.TokenSerial(p.cfg.ServerDir()); told.Serial < known {
		return fmt.Errorf("%w: it has change %d of the token, and this server knows change %d, whose token counts on; somebody has put"+
			" back an old one: change the token once more, with `k3s token rotate`", errTokenMap, told.Serial, known)
	}
	own, err := p.joinSecrets()
	if err != nil || own.Server == told.Secret {
		return err
	}
	fmt.Fprintf(os.Stderr, "k3s: the token was changed on another server: %s has the new one\n", p.cfg.ServerDir("token"))
	return p.replaceToken(told)
}

func (p *controlPlane) readToken(have *corev1.ConfigMap) (told toldToken, err error) {
	plain, err := p.store.Unseal(tokenPurpose, have.BinaryData[tokenKey])
	if err == nil {
		err = json.Unmarshal(plain, &told)
	}
	if err != nil {
		return told, fmt.Errorf("%w: %v; change the token once more, with `k3s token rotate`", errTokenMap, err)
	}
	return told, nil
}

func (p *controlPlane) replaceToken(told toldToken) error {
	return pki.ReplaceToken(p.cfg.ServerDir(), p.store.CertFile(pki.ServerCA), told.Secret, told.Serial)
}

// rotateToken makes another secret the token of servers, here and on the others. It names the servers that do not
// answer: they ask for it before they answer anybody with the token.
func (p *controlPlane) rotateToken(ctx context.Context, text string) (unreached []string, err error) {
	if p.cfg.HasExternalDatastore() {
		return nil, &supervisor.Refusal{Reason: "servers over a database share their keys in it, sealed with the token, and this build" +
			" does not seal them anew yet: keep the token"}
	}
	own, err := p.currentSecrets()
	if err != nil {
		return nil, err
	}
	secret, err := p.newSecret(text, own)
	if err != nil {
		return nil, &supervisor.Refusal{Reason: err.Error()}
	}
	told := toldToken{pki.TokenSerial(p.cfg.ServerDir()) + 1, secret}
	if p.members != nil {
		if err := p.tellToken(ctx, told); err != nil {
			return nil, err
		}
	}
	p.tokenChange.Lock()
	err = p.replaceToken(told)
	p.tokenChange.Unlock()
	if err != nil || p.members == nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, "k3s: the token was changed")
	// Nobody but a restore needs the keys in etcd, and saving a snapshot seals them anew as well.
	if err := p.keepShared(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: the keys of the cluster in the datastore still open with the old token: %v\n", err)
	}
	return p.pingOthers(ctx, secret)
}

func (p *controlPlane) newSecret(text string, own supervisor.Secrets) (string, error) {
	t, err := token.Parse(text)
	if err != nil {
		return "", err
	}
	ca, err := os.ReadFile(p.store.CertFile(pki.ServerCA))
	if err != nil {
		return "", err
	}
	switch {
	case t.CheckAuthority(ca) != nil:
		return "", t.CheckAuthority(ca)
	case t.User == token.Node:
		return "", errors.New("the new token is one of agents (node:…): give a secret alone, or none for a random one")
	case token.IsBootstrap(t.Secret):
		return "", errors.New("the new token has the form of a bootstrap token: give another secret, or none for a random one")
	case t.Secret == own.Server:
		return "", errors.New("the new token is that of before: give another secret, or none for a random one")
	case t.Secret == own.Agent:
		return "", errors.New("the new token is that of agents: give another secret, or none for a random one")
	}
	return t.Secret, nil
}

// tellToken writes what followToken reads.
func (p *controlPlane) tellToken(ctx context.Context, told toldToken) error {
	plain, err := json.Marshal(told)
	if err != nil {
		return err
	}
	sealed, err := p.store.Seal(tokenPurpose, plain)
	if err != nil {
		return err
	}
	maps := p.client.CoreV1().ConfigMaps(metav1.NamespaceSystem)
	have, err := maps.Get(ctx, tokenMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = maps.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Name: tokenMap}, BinaryData: map[string][]byte{tokenKey: sealed},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	have.BinaryData = map[string][]byte{tokenKey: sealed}
	_, err = maps.Update(ctx, have, metav1.UpdateOptions{}) // a conflict is another one who changes it
	return err
}

// pingOthers shows the token to the other servers, so that they take it over.
func (p *controlPlane) pingOthers(ctx context.Context, secret string) (unreached []string, err error) {
	others, err := p.members.Others(ctx)
	if err != nil {
		return nil, err
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for name, host := range others {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, pingPatience)
			defer cancel()
			if err := p.askServer(ctx, host, secret, (*join.Peer).Ping); err != nil {
				fmt.Fprintf(os.Stderr, "k3s: server %s does not know yet that the token was changed: %v\n", name, err)
				mu.Lock()
				defer mu.Unlock()
				unreached = append(unreached, name)
			}
		})
	}
	all.Wait()
	slices.Sort(unreached)
	return unreached, nil
}

// askServer asks another server, by the address of its member, with the token of servers.
func (p *controlPlane) askServer(ctx context.Context, host, secret string, ask func(*join.Peer, context.Context) error) error {
	address := net.JoinHostPort(host, strconv.Itoa(p.cfg.HTTPSListenPort))
	if servers, err := p.servers(ctx); err == nil { // or the port of this one has to do
		for _, known := range servers {
			if strings.HasPrefix(known, net.JoinHostPort(host, "")) {
				address = known
			}
		}
	}
	peer, err := join.NewPeer(config.Server{
		Node: p.cfg.Node, Join: config.Join{ServerURL: "https://" + address, Token: token.Server + ":" + secret},
	}, p.host.NodeName, p.host.NodeIPs)
	if err != nil {
		return err
	}
	return ask(peer, ctx)
}
