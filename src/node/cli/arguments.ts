import { K3osError } from "../../errors.ts";

/**
 * Options of a command of ours: `flags` stand alone, `values` take the next word or what follows `=`. Anything else is
 * a usage error, and so is a second value: one of the two would silently count for nothing.
 */
export function parseArguments(
  args: readonly string[],
  allowed: { readonly flags?: readonly string[]; readonly values?: readonly string[] },
): Readonly<Record<string, string>> {
  const options: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const [name = "", ...rest] = (args[i] ?? "").split("=");
    if (allowed.flags?.includes(name) && rest.length === 0) options[name] = "true";
    else if (allowed.values?.includes(name)) {
      const value = rest.length > 0 ? rest.join("=") : args[++i];
      if (value === undefined) throw new K3osError("usage", `${name} needs a value`);
      if (options[name] !== undefined) throw givenTwice(name);
      options[name] = value;
    } else {
      const known = [...(allowed.flags ?? []), ...(allowed.values ?? [])].join(", ");
      throw new K3osError("usage", `unexpected "${args[i]}"`, { hint: `Expected: ${known || "no arguments"}.` });
    }
  }
  return options;
}

/** For values that may also come as a word, or by another name of the option. */
export function givenTwice(option: string): K3osError {
  return new K3osError("usage", `the value of ${option} was given twice`);
}
