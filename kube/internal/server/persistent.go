package server

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"k3os.io/kube/internal/loop"
)

const healthPeriod = time.Second

// persistent begins a part anew that has given up because the API did not answer, once that is healthy. Upstream's
// controllers give up ten seconds after they began: where etcd is slow for so long, as it is when it has just lost its
// leader, that would end this process, and its member of etcd with it. Any other failure is returned.
func persistent(
	ctx context.Context, name string, healthy func(context.Context) error, run func(context.Context) error,
) error {
	for {
		err := run(ctx)
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), unhealthyAPI) && healthy(ctx) == nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "k3s: the %s begins anew when the API is healthy again\n", name)
		for healthy(ctx) != nil {
			if !loop.Pause(ctx, healthPeriod) {
				return nil
			}
		}
	}
}

// unhealthyAPI is what upstream's controller manager says then (CreateControllerContext); there is no type for it.
const unhealthyAPI = "failed to wait for apiserver being healthy"

// isHealthy asks the API for its own health.
func (p *controlPlane) isHealthy(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return p.client.Discovery().RESTClient().Get().AbsPath("/healthz").Do(ctx).Error()
}
