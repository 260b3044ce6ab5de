package join

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"strings"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// A Peer is a server of the cluster, as another server that joins asks it.
type Peer struct {
	client *client
	// Password is that of this machine's name, which AddMember shows; nil shows none.
	Password func() (string, error)
}

// NewPeer returns the server of --server.
func NewPeer(cfg config.Server, nodeName string, nodeIPs []net.IP) (*Peer, error) {
	t, err := token.Parse(cfg.Token)
	if err != nil {
		return nil, err
	}
	if t.User == token.Node {
		return nil, fmt.Errorf("--token: it is one of agents: a server joins with the one in server/token of %s", cfg.ServerURL)
	}
	t.User = token.Server
	store := pki.NewNodeStore(cfg.AgentDir(), nodeName, nodeIPs)
	return &Peer{client: &client{server: strings.TrimSuffix(cfg.ServerURL, "/"), token: t, store: store}}, nil
}

// Bootstrap returns what all servers have in common, and what the cluster is like. It tries until ctx ends, and tells
// what keeps it from joining, each reason once in a row.
func (p *Peer) Bootstrap(ctx context.Context, tell func(string)) (b pki.Bootstrap, c supervisor.ClusterConfig, err error) {
	err = untilJoined(ctx, tell, func() error {
		if err := p.client.trust(ctx); err != nil {
			return err
		}
		if err := p.client.getJSON(ctx, supervisor.PathConfig, &c); err != nil {
			return err
		}
		return p.client.getJSON(ctx, supervisor.PathBootstrap, &b)
	})
	return b, c, err
}

// RegisterName keeps the name of a server for this machine.
func RegisterName(ctx context.Context, passwords supervisor.PasswordKeeper, nodeName, secret string) error {
	password, err := ServerPassword(nodeName, secret)
	if err != nil {
		return err
	}
	return passwords.Check(ctx, nodeName, password)
}

// ServerPassword is the password of a server's name: the one in the file of this machine, which it makes if there is
// none. secret is that of the token of servers.
func ServerPassword(nodeName, secret string) (string, error) {
	return nodePassword(PasswordFile, func() string { return derivedPassword(secret, nodeName) })
}

// AddMember makes a member of the datastore, see etcd.Joining.
func (p *Peer) AddMember(ctx context.Context, name, peerURL string) (cluster string, err error) {
	header := http.Header{}
	if p.Password != nil {
		password, err := p.Password()
		if err != nil {
			return "", err
		}
		header.Set(supervisor.HeaderName, p.client.store.Names.NodeName)
		header.Set(supervisor.HeaderPassword, password)
	}
	b, err := p.send(ctx, http.MethodPost, supervisor.PathMembers, supervisor.NewMember{Name: name, PeerURL: peerURL}, header)
	if err != nil {
		return "", err
	}
	return cluster, json.Unmarshal(b, &cluster)
}

// PromoteMember gives it a vote.
func (p *Peer) PromoteMember(ctx context.Context, name string) error {
	_, err := p.post(ctx, supervisor.PathPromote, supervisor.NewMember{Name: name})
	return err
}

// RotateToken makes another secret the one of servers. It names the servers that take it over when they start again.
func (p *Peer) RotateToken(ctx context.Context, secret string) (unreached []string, err error) {
	b, err := p.put(ctx, supervisor.PathToken, supervisor.NewToken{NewToken: secret})
	if err != nil {
		return nil, err
	}
	var said supervisor.Rotated
	return said.Unreached, json.Unmarshal(b, &said)
}

// EncryptionStatus is how Secrets are encrypted, and what is done about it.
func (p *Peer) EncryptionStatus(ctx context.Context) (status supervisor.EncryptionStatus, err error) {
	b, err := p.get(ctx, supervisor.PathEncryptionStatus)
	if err != nil {
		return status, err
	}
	return status, json.Unmarshal(b, &status)
}

// ChangeEncryption begins what EncryptionStatus then tells of.
func (p *Peer) ChangeEncryption(ctx context.Context, change supervisor.EncryptionChange) error {
	_, err := p.put(ctx, supervisor.PathEncryption, change)
	return err
}

// EncryptionKeys are the keys of a server, as the file has them.
func (p *Peer) EncryptionKeys(ctx context.Context) ([]byte, error) {
	return p.get(ctx, supervisor.PathEncryptionKeys)
}

// ApplyEncryption gives it others, and returns when its API server goes by them.
func (p *Peer) ApplyEncryption(ctx context.Context, keys supervisor.EncryptionKeys) error {
	_, err := p.put(ctx, supervisor.PathEncryptionKeys, keys)
	return err
}

// Ping shows a server the token, so that it looks whether that was changed.
func (p *Peer) Ping(ctx context.Context) error {
	_, err := p.get(ctx, supervisor.PathToken)
	return err
}

// Ask is for what an administrator asks of a server, and takes as long as that takes.
func (p *Peer) Ask(ctx context.Context, path string, body any) ([]byte, error) {
	if err := p.trust(ctx); err != nil {
		return nil, err
	}
	p.client.http.Timeout = 0
	return p.post(ctx, path, body)
}

func (p *Peer) post(ctx context.Context, path string, body any) ([]byte, error) {
	return p.send(ctx, http.MethodPost, path, body, nil)
}

func (p *Peer) put(ctx context.Context, path string, body any) ([]byte, error) {
	return p.send(ctx, http.MethodPut, path, body, nil)
}

func (p *Peer) get(ctx context.Context, path string) ([]byte, error) {
	if err := p.trust(ctx); err != nil {
		return nil, err
	}
	return p.client.get(ctx, path)
}

// trust makes sure that whoever answers is a server of the cluster, once.
func (p *Peer) trust(ctx context.Context) error {
	if p.client.http != nil {
		return nil
	}
	return p.client.trust(ctx)
}

func (p *Peer) send(ctx context.Context, method, path string, body any, header http.Header) ([]byte, error) {
	if err := p.trust(ctx); err != nil {
		return nil, err
	}
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, p.client.server+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	maps.Copy(request.Header, header)
	return p.client.ask(request)
}
