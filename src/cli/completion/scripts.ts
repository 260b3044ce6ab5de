export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/**
 * The scripts only pass the words to `k3os __complete`, which knows the commands. They call it by the name that the
 * user typed, because the launcher is in a checkout and not in PATH. Without candidates, the shell completes file
 * names.
 */
const scripts: Readonly<Record<Shell, string>> = {
  bash: `_k3os() {
  local IFS=$'\\n' current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)" -- "$current"))
}
complete -o default -F _k3os k3os ./k3os`,
  zsh: `#compdef k3os ./k3os
_k3os() {
  local -a found
  found=(\${(f)"$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#found} )); then compadd -a found; else _files; fi
}
compdef _k3os k3os ./k3os`,
  fish: `function __k3os_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete -- $words[2..] 2>/dev/null
end
complete -c k3os -a '(__k3os_complete)'`,
};

export function scriptFor(shell: Shell): string {
  return scripts[shell];
}
