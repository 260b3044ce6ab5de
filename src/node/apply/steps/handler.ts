import type { Observation, Observations } from "../../../config/steps/kind.ts";
import type { Step, StepName } from "../../../config/steps/step.ts";
import type { Host } from "../../../host/host.ts";

/**
 * The half of a kind of step that touches the node; `src/config/steps` has the pure one. The table of handlers is also
 * loaded to find out whether there is anything to do. So `apply` imports code that only it needs when it is called.
 */
export interface Handler<K extends StepName> {
  /** Does the step. Throws if that fails. Doing it twice does no harm. */
  apply(host: Host, step: Step<K>): void | Promise<void>;
  /** Observes what `isSatisfied` of the pure half needs. */
  observe?(host: Host, step: Step<K>): Observation<K>;
}

/** A handler of this kind. It must have `observe` if the pure half needs an observation. */
export type StepHandler<K extends StepName> = Handler<K> &
  (K extends keyof Observations ? Required<Pick<Handler<K>, "observe">> : unknown);

/** A missing kind does not compile. */
export type StepHandlers = { readonly [K in StepName]: StepHandler<K> };
