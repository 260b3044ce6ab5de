import { K3osError } from "../../errors.ts";

/**
 * Parses the options of one of our commands. `flags` stand alone; `values` take the next word or the text after `=`.
 * Anything else is a usage error. So is a second value, because one of the two would be ignored silently.
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

/** The error for a value given twice, also for values that may be a word or have another option. */
export function givenTwice(option: string): K3osError {
  return new K3osError("usage", `the value of ${option} was given twice`);
}
