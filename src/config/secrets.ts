/** Matches names of keys, variables and flags with secret values. */
export const SECRET_NAME = /token|passw|passphrase|\bpass\b|secret|credential|private.?key|datastore.?endpoint/i;

export const HIDDEN = "(hidden)";

export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** Hides the password in `https://user:password@host/`. */
export function withoutUserInfo(text: string): string {
  return text.replace(/:\/\/[^\s/@]*@/g, `://${HIDDEN}@`);
}

/** Hides the values of flags that sound secret: `--token=x` and `--token x`, in one word or two. */
export function redactArguments(args: readonly string[]): string[] {
  return args.map((arg, index) => {
    const [all, flag = ""] = /^(--?[\w-]+)[=\s]/.exec(arg) ?? [];
    if (all !== undefined && isSecretName(flag)) return all + HIDDEN;
    const before = args[index - 1] ?? "";
    return /^--?[\w-]+$/.test(before) && isSecretName(before) ? HIDDEN : withoutUserInfo(arg);
  });
}
