import type { LabelSelector } from "./meta.ts";

/**
 * Whether a selector selects something with these labels, as Kubernetes does it: all terms must hold. One that is empty
 * or not given selects everything.
 */
export function selects(selector: LabelSelector | undefined, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const valueAt = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  return (
    Object.entries(matchLabels).every(([key, value]) => valueAt(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => OPERATORS[operator](valueAt(key), values))
  );
}

type Operator = NonNullable<LabelSelector["matchExpressions"]>[number]["operator"];

const OPERATORS: Readonly<Record<Operator, (value: string | undefined, values: readonly string[]) => boolean>> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};
