import { beforeEach, describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { type EventObject, type EventSubject, eventOf } from "../../kubernetes/event.ts";
import type { ApiClient } from "./client.ts";
import { type EventRecorder, eventRecorder } from "./events.ts";

const SUBJECT: EventSubject = { apiVersion: "k3os.io/v1alpha1", kind: "Machine", name: "a", uid: "u" };
const at = Date.UTC(2026, 10, 29, 8, 30, 0, 250);

describe("eventOf", () => {
  it("is about the object, by the node, in the namespace of objects that have none", () => {
    const occurrence = {
      subject: SUBJECT,
      reason: "Staged",
      message: "Image 2 is staged.",
      type: "Normal",
      at,
    } as const;
    expect(eventOf(occurrence, "node-a", 7)).toEqual({
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: `a.${at.toString(16)}007`, namespace: "default" },
      involvedObject: SUBJECT,
      reason: "Staged",
      message: "Image 2 is staged.",
      type: "Normal",
      count: 1,
      firstTimestamp: "2026-11-29T08:30:00Z",
      lastTimestamp: "2026-11-29T08:30:00Z",
      source: { component: "k3os", host: "node-a" },
      reportingComponent: "k3os.io/agent",
      reportingInstance: "node-a",
    });
  });

  it("has a message that the API takes, whatever its characters", () => {
    for (const character of ["x", "€", "😀"]) {
      const message = character.repeat(2000);
      const event = eventOf({ subject: SUBJECT, reason: "R", message, type: "Warning", at }, "a", 0);
      expect(Buffer.byteLength(event.message)).toBeLessThanOrEqual(1024);
      expect(event.message).toMatch(/…$/);
    }
  });
});

describe("an event recorder", () => {
  let status: number;
  let posted: string[];
  let recorder: EventRecorder;
  beforeEach(() => {
    status = 201;
    posted = [];
    const client: Pick<ApiClient, "post"> = {
      async post(path, body) {
        const event = body as EventObject;
        posted.push(`${path.split("/").at(-1)} ${event.type} ${event.reason}: ${event.message}`);
        const reason = status < 300 ? "" : `The API says ${status}.`;
        return { status, body: undefined, reason };
      },
    };
    recorder = eventRecorder(memoryHost({ now: at }), client as ApiClient, "a");
  });

  it("posts what happened, in order, once", async () => {
    recorder.record(SUBJECT, "Staged", "one");
    recorder.record(SUBJECT, "Returned", "two", "Warning");
    expect(await recorder.post()).toEqual([]);
    expect(await recorder.post()).toEqual([]);
    expect(posted).toEqual(["events Normal Staged: one", "events Warning Returned: two"]);
  });

  it("posts transitions only: what is as it was is no event, for each object by itself", async () => {
    const other = { ...SUBJECT, name: "b" };
    for (const text of ["one", "one", "two", "one"]) recorder.record(SUBJECT, "R", text);
    recorder.record(other, "R", "one");
    await recorder.post();
    expect(posted.map((line) => line.split(": ")[1])).toEqual(["one", "two", "one", "one"]);
  });

  it.each([0, 401, 429, 503])("keeps events that the API cannot take now: %i", async (code) => {
    status = code;
    recorder.record(SUBJECT, "R", "one");
    expect(await recorder.post()).toEqual([]);
    status = 201;
    await recorder.post();
    await recorder.post();
    expect(posted).toHaveLength(2);
  });

  it("drops what the API refuses, and says why; one that is there already is no flaw", async () => {
    for (const [code, flaws] of [[422, ["The API says 422."]] as const, [409, []] as const]) {
      status = code;
      recorder.record(SUBJECT, "R", `${code}`);
      expect(await recorder.post()).toEqual(flaws);
    }
    expect(await recorder.post()).toEqual([]);
    expect(posted).toHaveLength(2);
  });

  it("keeps fifty, and says how many were lost", async () => {
    for (let number = 0; number < 60; number++) recorder.record(SUBJECT, "R", `${number}`);
    expect(await recorder.post()).toEqual(["10 events were lost while the API was away."]);
    expect([posted.length, posted[0]]).toEqual([50, "events Normal R: 10"]);
    expect(await recorder.post()).toEqual([]);
  });
});
