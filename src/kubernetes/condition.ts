import type { StatusCondition } from "./meta.ts";

interface WithConditions {
  readonly status?: { readonly conditions?: readonly StatusCondition[] };
}

/** The condition of that type; `undefined` if nobody has set it. */
export function conditionIn({ status }: WithConditions, type: string): StatusCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Whether the condition of that type is true. */
export function isTrue(object: WithConditions, type: string): boolean {
  return conditionIn(object, type)?.status === "True";
}
