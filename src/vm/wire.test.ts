import { describe, expect, it } from "vitest";
import { actionsFor } from "./wire.ts";

const CARD = "set -- $(ip -oneline -4 address show to 10.5.0.0/24) && sudo tc qdisc";

describe("a fault of the wire", () => {
  it("is a pulled cable, which QEMU pulls", () => {
    const link = (up: boolean) => ({ by: "qemu", command: "set_link", args: { name: "net1", up } });
    expect(actionsFor({ kind: "cut" })).toEqual({ make: link(false), mend: link(true) });
  });

  it.each([
    [{ kind: "delay", milliseconds: 300 }, "delay 300ms"],
    [{ kind: "loss", percent: 5 }, "loss 5%"],
  ] as const)("is what the kernel of the machine does to what it sends: %o", (fault, how) => {
    expect(actionsFor(fault)).toEqual({
      make: { by: "shell", line: `${CARD} replace dev "$2" root netem ${how}` },
      mend: { by: "shell", line: `${CARD} del dev "$2" root` },
    });
  });
});
