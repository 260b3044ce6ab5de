package agent

import (
	"context"
	"fmt"
	"os"

	"k3os.io/kube/internal/networkpolicy"
	"k3os.io/kube/internal/pki"
)

// enforcePolicies does so until ctx ends. A node that had policies before begins at once, because its pods start;
// another one does not disturb the start of the node.
func (n *Node) enforcePolicies(ctx context.Context) error {
	o := networkpolicy.Options{
		Kubeconfig: n.Credentials.Kubeconfig(pki.K3sController), NodeName: n.Name, Bridge: podBridge,
		NoteFile: n.Config.AgentDir("etc", "network-policies"),
	}
	if !n.EnforcesPolicies {
		if err := o.Remove(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
		}
		return nil
	}
	if !o.Noted() {
		select {
		case <-ctx.Done():
			return nil
		case <-n.Settled:
		}
	}
	networkpolicy.Run(ctx, o)
	return nil
}
