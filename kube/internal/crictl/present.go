//go:build k3os_crictl

package crictl

// What only upstream's files import, so that `go mod tidy`, which does not see them, keeps it.
import (
	_ "github.com/docker/docker/api/types/time"
	_ "github.com/invopop/jsonschema"
	_ "github.com/urfave/cli/v2"
	_ "sigs.k8s.io/cri-tools/pkg/common"
	_ "sigs.k8s.io/cri-tools/pkg/framework"
	_ "sigs.k8s.io/cri-tools/pkg/tracing"
)

// Main runs crictl with os.Args. It ends the process itself on an error.
func Main() error {
	upstreamMain()
	return nil
}
