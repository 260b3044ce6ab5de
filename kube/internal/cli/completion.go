package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"k3os.io/kube/internal/config"
)

// completeCommand is the hidden command that the scripts ask. cobra, and so kubectl, calls its own alike.
const completeCommand = "__complete"

// completionScripts ask this binary, so they need not be made anew after an upgrade.
var completionScripts = map[string]string{
	"bash": `_k3s() {
	local IFS=$'\n'
	COMPREPLY=($(k3s __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _k3s k3s
`,
	"zsh": `#compdef k3s
_k3s() {
	compadd -- ${(f)"$(k3s __complete "${(@)words[2,CURRENT]}" 2>/dev/null)"} || _files
}
compdef _k3s k3s
`,
	"fish": `complete -c k3s -a '(k3s __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`,
}

func runCompletion(args []string) error {
	shells := slices.Sorted(maps.Keys(completionScripts))
	if len(args) != 2 || completionScripts[args[1]] == "" {
		return fmt.Errorf("k3s completion: expected one of %s, got %q; `source <(k3s completion bash)` completes this shell",
			strings.Join(shells, ", "), strings.Join(args[1:], " "))
	}
	fmt.Print(completionScripts[args[1]])
	return nil
}

func runComplete(args []string) error {
	if len(args) < 2 {
		return nil
	}
	return complete(os.Stdout, args[1:], kubectlCompletes)
}

// complete prints what the last word may become, one to a line. kubectl is asked for its own words.
func complete(w io.Writer, words []string, kubectl func([]string) (string, error)) error {
	last := words[len(words)-1]
	var known []string
	switch {
	case len(words) == 1:
		for _, c := range commands() {
			if !c.hidden {
				known = append(known, c.name)
			}
		}
	case words[0] == "kubectl":
		said, err := kubectl(words[1:])
		if err != nil {
			return err
		}
		for line := range strings.Lines(said) {
			word, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
			if word != "" && !strings.HasPrefix(word, ":") { // the last line tells cobra's own scripts about files
				known = append(known, word)
			}
		}
	case words[0] == "completion" && len(words) == 2:
		known = slices.Sorted(maps.Keys(completionScripts))
	case words[0] == "server":
		known = config.FlagNames(config.RoleServer)
	case words[0] == "agent":
		known = config.FlagNames(config.RoleAgent)
	}
	for _, word := range known {
		if strings.HasPrefix(word, last) {
			fmt.Fprintln(w, word)
		}
	}
	return nil
}

func kubectlCompletes(words []string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	out, err := exec.Command(self, slices.Concat([]string{"kubectl", completeCommand}, words)...).Output()
	return string(out), err
}
