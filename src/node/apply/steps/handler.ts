import type { Observation, Observations } from "../../../config/steps/kind.ts";
import type { Step, StepName } from "../../../config/steps/step.ts";
import type { Host } from "../../../host/host.ts";

/**
 * The half of a kind of step that touches the node; `src/config/steps` has the pure one. The table of handlers is also
 * loaded to find out whether anything is to be done: `apply` imports code that only it needs when it is called.
 */
export interface Handler<K extends StepName> {
  /** Does the step. Throws if that fails. Done twice it does no harm. */
  apply(host: Host, step: Step<K>): void | Promise<void>;
  /** Looks at what `isSatisfied` of the pure half needs to know. */
  observe?(host: Host, step: Step<K>): Observation<K>;
}

/** A handler of this kind. It must observe what the pure half asks for. */
export type StepHandler<K extends StepName> = Handler<K> &
  (K extends keyof Observations ? Required<Pick<Handler<K>, "observe">> : unknown);

/** A kind that is missing does not compile. */
export type StepHandlers = { readonly [K in StepName]: StepHandler<K> };
