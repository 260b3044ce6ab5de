import { expect, it } from "vitest";
import { STEP_KINDS } from "../../../config/steps/index.ts";
import type { StepKinds } from "../../../config/steps/kind.ts";
import type { StepHandlers } from "./handler.ts";
import { STEP_HANDLERS } from "./index.ts";

it("has a handler for each kind of step", () => {
  expect(Object.keys(STEP_HANDLERS).sort()).toEqual(Object.keys(STEP_KINDS).sort());
});

it("does not compile if a table lacks a kind, or has another one in its place", () => {
  const { wifi, ...kinds } = STEP_KINDS;
  // @ts-expect-error: `wifi` is missing.
  const incomplete: StepKinds = kinds;
  // @ts-expect-error: `k3s` is the kind of other steps.
  const mistaken: StepKinds = { ...kinds, wifi: STEP_KINDS.k3s };
  expect([
    { ...incomplete, wifi },
    { ...mistaken, wifi },
  ]).toEqual([STEP_KINDS, STEP_KINDS]);
});

it("does not compile if a handler is missing, or does not observe what its kind asks for", () => {
  const { wifi, mount, ...handlers } = STEP_HANDLERS;
  const observing: Omit<StepHandlers, "wifi" | "mount"> = handlers as StepHandlers;
  const mounting: StepHandlers["mount"] = mount as StepHandlers["mount"];
  // @ts-expect-error: `wifi` is missing.
  const incomplete: StepHandlers = { ...observing, mount: mounting };
  // @ts-expect-error: `mount` has no `observe`.
  const blind: StepHandlers = { ...observing, wifi, mount: { apply: mount.apply } };
  expect([
    { ...incomplete, wifi },
    { ...blind, mount },
  ]).toEqual([STEP_HANDLERS, STEP_HANDLERS]);
});
