// Package networkpolicy enforces the cluster's NetworkPolicies on this node, by rules of nftables. They stay in the
// kernel while k3s is not there.
package networkpolicy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"
	"sigs.k8s.io/knftables"

	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/loop"
)

// Options say whose policies are enforced.
type Options struct {
	Kubeconfig string
	NodeName   string
	Bridge     string // that the node's pods are at
	// NoteFile is there as long as the node may have rules, also while k3s or the machine is off.
	NoteFile string
}

// retry is the pause after what did not work.
const retry = 5 * time.Second

// linger is how long the node goes on watching pods after the last policy is gone. Tools delete policies and make them
// anew.
const linger = time.Minute

// Noted tells whether the node had policies to enforce when k3s ran last.
func (o Options) Noted() bool {
	_, err := os.Stat(o.NoteFile)
	return err == nil
}

// Run enforces policies until ctx ends, and leaves the rules in the kernel then. Until there is a policy, it costs a
// watch that nothing happens in. What keeps it from enforcing them is told, each reason once in a row, and tried again.
func Run(ctx context.Context, o Options) {
	var reasons loop.Reasons
	for ctx.Err() == nil {
		err := o.enforceOnce(ctx)
		if err == nil || ctx.Err() != nil {
			reasons = loop.Reasons{}
			continue
		}
		if reasons.IsNew(err) {
			fmt.Fprintf(os.Stderr, "k3s: NetworkPolicies are not enforced: %v\n", err)
		}
		loop.Pause(ctx, retry)
	}
}

// enforceOnce begins with the first policy, and ends after the last one.
func (o Options) enforceOnce(ctx context.Context) error {
	config, err := clientcmd.BuildConfigFromFlags("", o.Kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	if err := awaitFirst(ctx, client, o.removeNoted); err != nil {
		return err
	}
	if err := files.Write(o.NoteFile, nil, 0o600); err != nil {
		return err
	}
	newEnforcer(o, client, connect).run(ctx, linger)
	return nil
}

// awaitFirst returns when there is a policy. It calls none if there is none at first.
func awaitFirst(ctx context.Context, client kubernetes.Interface, none func(context.Context) error) error {
	policies := client.NetworkingV1().NetworkPolicies(metav1.NamespaceAll)
	all := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc:  func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) { return policies.List(ctx, o) },
		WatchFuncWithContext: policies.Watch,
	}, client)
	_, err := watchtools.UntilWithSync(ctx, all, &networkingv1.NetworkPolicy{}, func(store cache.Store) (bool, error) {
		if len(store.ListKeys()) > 0 {
			return true, nil
		}
		return false, none(ctx)
	}, func(e watch.Event) (bool, error) { return e.Type == watch.Added || e.Type == watch.Modified, nil })
	return err
}

// Remove takes away the rules that the node may have.
func (o Options) Remove(ctx context.Context) error {
	if err := o.removeNoted(ctx); err != nil {
		return fmt.Errorf("cannot remove the rules of NetworkPolicies (`nft delete table inet %s` does): %w", Table, err)
	}
	return nil
}

func (o Options) removeNoted(ctx context.Context) error {
	if !o.Noted() {
		return nil
	}
	nft, err := connect()
	if err != nil {
		return err
	}
	tx := nft.NewTransaction()
	remove(tx)
	if err := nft.Run(ctx, tx); err != nil {
		return err // and the note stays, so that this is done again
	}
	return os.Remove(o.NoteFile)
}

func connect() (knftables.Interface, error) {
	if _, err := exec.LookPath("nft"); err != nil {
		return nil, errors.New("the machine has no nft: install nftables, or set --disable-network-policy")
	}
	nft, err := knftables.New(knftables.InetFamily, Table)
	if err != nil {
		return nil, fmt.Errorf("cannot use nftables: %w", err)
	}
	return nft, nil
}
