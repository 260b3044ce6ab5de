package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/supervisor"
)

// k3s's words for where a change is.
const (
	stageStart    = "start"
	stageActive   = "reencrypt_active"
	stageFinished = "reencrypt_finished"
	// stageUnfinished is where a change has ended too early.
	stageUnfinished = "rotate"
)

// progress is that of the last change that this server was asked for.
type progress struct {
	mu      sync.Mutex
	running string // what is being done; "" is nothing
	done    int
	ended   bool
	failed  string
}

// begin returns false if there is a change under way.
func (p *progress) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running != "" {
		return false
	}
	p.running, p.done, p.ended, p.failed = "begins", 0, false, ""
	return true
}

func (p *progress) step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.done = what, 0
}

func (p *progress) one() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
}

func (p *progress) end(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running, p.ended = "", err == nil
	if err != nil {
		p.failed = err.Error()
	}
}

func (p *progress) tell(s *supervisor.EncryptionStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Running, s.Done, s.Failed, s.Stage = p.running, p.done, p.failed, stageStart
	switch {
	case p.running != "":
		s.Stage = stageActive
	case p.ended:
		s.Stage = stageFinished
	}
}

// encryptionKeeper is the supervisor's.
type encryptionKeeper struct{ p *controlPlane }

var errNotEncrypting = &supervisor.Refusal{Reason: "this server runs without --secrets-encryption: restart all servers with" +
	" it, and then run `k3s secrets-encrypt enable`"}

// mayChange tells why no keys are changed here.
func (k encryptionKeeper) mayChange() error {
	switch {
	case k.p.cfg.HasExternalDatastore():
		return &supervisor.Refusal{Reason: "servers over a database do not share changed keys yet: Secrets stay as they are"}
	case k.p.encryption == nil:
		return errNotEncrypting
	}
	return nil
}

func (k encryptionKeeper) Status(ctx context.Context) (s supervisor.EncryptionStatus, err error) {
	e := k.p.encryption
	if e == nil {
		return s, nil
	}
	c, _, err := e.config()
	if err != nil {
		return s, err
	}
	s.Enable, s.ActiveKey, s.Provider = &c.Enabled, c.Active(), c.Provider
	for _, key := range c.Keys {
		if key.Name != s.ActiveKey {
			s.InactiveKeys = append(s.InactiveKeys, key.Name)
		}
	}
	e.progress.tell(&s)
	s.Secrets, s.UpToDate, err = e.count(ctx, c)
	if s.Running == "" && s.UpToDate < s.Secrets {
		s.Stage = stageUnfinished
	}
	return s, err
}

func (k encryptionKeeper) Keys() ([]byte, error) {
	if k.p.encryption == nil {
		return nil, errNotEncrypting
	}
	_, content, err := k.p.encryption.config()
	return content, err
}

func (k encryptionKeeper) Apply(ctx context.Context, keys supervisor.EncryptionKeys) error {
	if err := k.mayChange(); err != nil {
		return err
	}
	return k.p.encryption.apply(ctx, keys)
}

func (k encryptionKeeper) Change(ctx context.Context, change supervisor.EncryptionChange) error {
	if err := k.mayChange(); err != nil {
		return err
	}
	e := k.p.encryption
	c, _, err := e.config()
	if err != nil {
		return err
	}
	rotate := change.Stage != nil
	switch {
	case rotate && *change.Stage != supervisor.StageRotateKeys, !rotate && change.Enable == nil:
		return &supervisor.Refusal{Reason: "this build knows enable, disable and rotate-keys alone"}
	case rotate && !c.Enabled:
		return &supervisor.Refusal{Reason: "Secrets are not encrypted, so there is no key to change: `k3s secrets-encrypt enable`"}
	case !e.progress.begin():
		return &supervisor.Refusal{Reason: "another change is under way: `k3s secrets-encrypt status`"}
	}
	enabled := rotate || *change.Enable
	go func() { // whoever has asked may go away
		err := k.p.changeEncryption(e.ctx, enabled, rotate)
		e.progress.end(err)
		if err != nil {
			fmt.Fprintf(os.Stderr, "k3s: the encryption of Secrets was not changed to its end: %v\n", err)
		} else {
			fmt.Fprintln(os.Stderr, "k3s: the encryption of Secrets was changed")
		}
	}()
	return nil
}

// changeEncryption is safe to interrupt at any point and to begin anew: a key is written with only when all servers
// read with it, and dropped only when no Secret is stored with it.
func (p *controlPlane) changeEncryption(ctx context.Context, enabled, rotate bool) error {
	e := p.encryption
	e.progress.step("tells the keys to all servers")
	servers, err := p.encryptingServers(ctx)
	if err != nil {
		return err
	}
	c := servers[0].config
	for _, other := range servers[1:] {
		if other.config.Provider != c.Provider {
			return fmt.Errorf("server %s has the provider %s, and this one %s: restart it with that", other.name, other.config.Provider, c.Provider)
		}
		c = c.Reading(other.config)
	}
	if rotate {
		c = c.WithNewKey()
	}
	if err := applyAll(ctx, servers, c); err != nil {
		return err
	}
	e.progress.step("makes all servers write as they should")
	c = c.Writing(enabled)
	if err := applyAll(ctx, servers, c); err != nil {
		return err
	}
	e.progress.step("writes all Secrets anew")
	if err := e.rewrite(ctx); err != nil {
		return err
	}
	// A server that has joined meanwhile may write with another key.
	now, err := p.encryptingServers(ctx)
	if err != nil {
		return err
	}
	content, err := c.Marshal()
	if err != nil {
		return err
	}
	for _, s := range now {
		if !bytes.Equal(s.content, content) {
			return fmt.Errorf("server %s has joined, or got other keys, meanwhile: begin anew", s.name)
		}
	}
	if total, upToDate, err := e.count(ctx, c); err != nil {
		return err
	} else if total != upToDate {
		return fmt.Errorf("%d of %d Secrets are not written anew: begin anew", total-upToDate, total)
	}
	if !rotate {
		return nil
	}
	e.progress.step("drops the old keys on all servers")
	return applyAll(ctx, now, c.Alone())
}

// An encryptingServer is one of the cluster's, with its keys.
type encryptingServer struct {
	name    string
	config  encryption.Config
	content []byte
	apply   func(context.Context, supervisor.EncryptionKeys) error
}

// encryptingServers are all, this one first. One that does not answer is an error: it would not know a key that others
// write with.
func (p *controlPlane) encryptingServers(ctx context.Context) ([]*encryptingServer, error) {
	own := &encryptingServer{name: p.host.NodeName, apply: p.encryption.apply}
	all := []*encryptingServer{own}
	var err error
	if own.config, own.content, err = p.encryption.config(); err != nil || p.members == nil {
		return all, err
	}
	if err := p.members.AllVote(ctx); err != nil {
		return nil, err
	}
	others, err := p.members.Others(ctx)
	if err != nil {
		return nil, err
	}
	secrets, err := p.currentSecrets()
	if err != nil {
		return nil, err
	}
	for name, host := range others {
		s := &encryptingServer{name: name}
		s.apply = func(ctx context.Context, keys supervisor.EncryptionKeys) error {
			return p.askServer(ctx, host, secrets.Server, func(peer *join.Peer, ctx context.Context) error { return peer.ApplyEncryption(ctx, keys) })
		}
		err := p.askServer(ctx, host, secrets.Server, func(peer *join.Peer, ctx context.Context) (err error) {
			if s.content, err = peer.EncryptionKeys(ctx); err == nil {
				s.config, err = encryption.Parse(s.content)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("server %s does not take part, and all have to: start it, or delete its node; it says: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

// applyAll returns when all servers go by the configuration.
func applyAll(ctx context.Context, servers []*encryptingServer, c encryption.Config) error {
	content, err := c.Marshal()
	if err != nil {
		return err
	}
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, s := range servers {
		all.Go(func() {
			if err := s.apply(ctx, supervisor.EncryptionKeys{From: s.content, To: content}); err != nil {
				errs[i] = fmt.Errorf("server %s: %w", s.name, err)
				return
			}
			s.config, s.content = c, content
		})
	}
	all.Wait()
	return errors.Join(errs...)
}
