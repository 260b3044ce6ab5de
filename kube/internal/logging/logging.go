package server

import (
	"flag"
	"fmt"
	"io"

	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"k3os.io/kube/internal/config"
)

// SetUpLogging decides what Kubernetes' components may say, once for all of them: warnings and errors, or, from -v 1 on,
// everything up to that level.
func SetUpLogging(cfg config.Agent) error {
	// Components that apply their own logging configuration later must not fail because the first one did.
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	level := cfg.Verbose
	if cfg.Debug && level == 0 {
		level = 4
	}
	values := map[string]string{"v": fmt.Sprint(level), "vmodule": cfg.VModule}
	if level == 0 && cfg.VModule == "" {
		values["logtostderr"] = "false"
		values["stderrthreshold"] = "WARNING"
		klog.SetOutput(io.Discard)
	}
	for name, value := range values {
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("--%s %s: %w", name, value, err)
		}
	}
	return nil
}
