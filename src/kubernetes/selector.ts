import type { LabelSelector } from "./meta.ts";

type Expression = NonNullable<LabelSelector["matchExpressions"]>[number];

/** By operator: whether it takes a label's value, which is `undefined` if the label is missing. */
const OPERATORS: Readonly<
  Record<Expression["operator"], (value: string | undefined, values: readonly string[]) => boolean>
> = {
  In: (value, values) => value !== undefined && values.includes(value),
  NotIn: (value, values) => value === undefined || !values.includes(value),
  Exists: (value) => value !== undefined,
  DoesNotExist: (value) => value === undefined,
};

/** Whether a selector takes an object with these labels. One that is empty or missing takes all. */
export function selects(selector: LabelSelector = {}, labels: Readonly<Record<string, string>> = {}): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const labelOf = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => OPERATORS[operator](labelOf(key), values))
  );
}
