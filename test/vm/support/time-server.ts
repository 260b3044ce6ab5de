import { createSocket } from "node:dgram";
import type { AddressInfo } from "node:net";

export interface TimeServer {
  /** On this host; QEMU's user network has it at the same port of 10.0.2.2. */
  readonly port: number;
  close(): void;
}

/** Seconds from NTP's epoch, 1900, to 1970. */
const EPOCH = 2_208_988_800;

/** Answers NTP with this host's time (RFC 5905). */
export async function startTimeServer(): Promise<TimeServer> {
  const socket = createSocket("udp4");
  socket.on("message", (asked, { port, address }) => {
    const received = now();
    const answer = Buffer.alloc(48);
    answer[0] = 0x24; // no leap second, version 4, a server
    answer[1] = 1; // the first stratum
    answer[2] = asked[2] ?? 6;
    answer[3] = 0xec; // precision: 2^-20 s
    answer.write("TEST", 12);
    received.copy(answer, 16);
    asked.copy(answer, 24, 40, 48);
    received.copy(answer, 32);
    now().copy(answer, 40);
    socket.send(answer, port, address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  return { port: (socket.address() as AddressInfo).port, close: () => socket.close() };
}

function now(): Buffer {
  const milliseconds = Date.now();
  const stamp = Buffer.alloc(8);
  stamp.writeUInt32BE(Math.floor(milliseconds / 1000) + EPOCH, 0);
  stamp.writeUInt32BE(Math.floor(((milliseconds % 1000) / 1000) * 2 ** 32), 4);
  return stamp;
}
