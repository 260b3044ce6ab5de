/** Faults of the wire that joins the machines of a cluster. They need no root on this workstation. */
import { K3osError } from "../errors.ts";
import { WIRE_CARD, WIRE_NETWORK } from "./cluster.ts";
import type { Machine } from "./machine.ts";
import { netdevOf } from "./nics.ts";

export type Fault =
  /** The cable is pulled: nothing comes or goes, and the card has no carrier. */
  | { readonly kind: "cut" }
  /** What the machine sends arrives so much later. Between two such machines, a round trip is twice as long. */
  | { readonly kind: "delay"; readonly milliseconds: number }
  /** So many of the packets that the machine sends are lost, each by chance. */
  | { readonly kind: "loss"; readonly percent: number };

/** What makes or mends a fault: a command of QEMU's, or a line of shell on the machine. */
export type Action =
  | { readonly by: "qemu"; readonly command: string; readonly args: Readonly<Record<string, unknown>> }
  | { readonly by: "shell"; readonly line: string };

interface Actions {
  readonly make: Action;
  readonly mend: Action;
}

/**
 * How a fault is made and mended. QEMU pulls cables, and has nothing that delays each packet by the same time or loses
 * some; the guest's kernel has (netem), for what it sends. A netem is gone when the machine restarts.
 */
export function actionsFor(fault: Fault): Actions {
  switch (fault.kind) {
    case "cut":
      return { make: link(false), mend: link(true) };
    case "delay":
      return netem(`delay ${fault.milliseconds}ms`);
    case "loss":
      return netem(`loss ${fault.percent}%`);
  }
}

function link(up: boolean): Action {
  return { by: "qemu", command: "set_link", args: { name: netdevOf(WIRE_CARD), up } };
}

function netem(how: string): Actions {
  const tc = (words: (card: string) => string): Action => ({
    by: "shell",
    line: `set -- $(ip -oneline -4 address show to ${WIRE_NETWORK}) && sudo tc qdisc ${words('dev "$2" root')}`,
  });
  return { make: tc((card) => `replace ${card} netem ${how}`), mend: tc((card) => `del ${card}`) };
}

/** Breaks the wire of that machine alone. The workstation still reaches it by its other card. */
export function breakWire(machine: Machine, fault: Fault): Promise<void> {
  return act(machine, actionsFor(fault).make);
}

/** Mends what `breakWire` broke. */
export function mendWire(machine: Machine, fault: Fault): Promise<void> {
  return act(machine, actionsFor(fault).mend);
}

async function act(machine: Machine, action: Action): Promise<void> {
  if (action.by === "shell") {
    const { status, stderr } = await machine.ssh(action.line);
    if (status === 0) return;
    throw new K3osError("machine", `The wire of "${machine.name}" is as it was: ${stderr.trim()}`, {
      hint: "The machine must be one of a cluster, and run.",
    });
  }
  const qmp = await machine.qmp();
  try {
    await qmp.execute(action.command, action.args);
  } finally {
    qmp.close();
  }
}
