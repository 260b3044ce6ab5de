package agent

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// parseTaints reads kubectl's notation, KEY=VALUE:EFFECT or KEY:EFFECT.
func parseTaints(taints []string) ([]corev1.Taint, error) {
	var out []corev1.Taint
	for _, t := range taints {
		what, effect, ok := strings.Cut(t, ":")
		key, value, _ := strings.Cut(what, "=")
		switch e := corev1.TaintEffect(effect); {
		case !ok || key == "":
			return nil, fmt.Errorf("--node-taint: expected KEY=VALUE:EFFECT, got %q", t)
		case e != corev1.TaintEffectNoSchedule && e != corev1.TaintEffectPreferNoSchedule && e != corev1.TaintEffectNoExecute:
			return nil, fmt.Errorf("--node-taint %s: expected the effect NoSchedule, PreferNoSchedule or NoExecute, got %q", t, effect)
		default:
			out = append(out, corev1.Taint{Key: key, Value: value, Effect: e})
		}
	}
	return out, nil
}
