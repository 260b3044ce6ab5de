import { createServer } from "node:net";
import { K3osError } from "../errors.ts";

/** A free port on 127.0.0.1, chosen by the kernel. Another program may take it before it is used. */
export function freePort(): Promise<number> {
  return bind(0);
}

/** Throws if a port that the user asked for is taken. */
export async function checkPort(port: number, purpose: string): Promise<number> {
  try {
    return await bind(port);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === "EACCES" ? "may not be used by you" : "is taken";
    throw new K3osError("busy", `Port ${port}, wanted for ${purpose}, ${why}.`, {
      hint: "Choose another one, or leave the option away and a free one is found.",
      cause,
    });
  }
}

function bind(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : port));
    });
  });
}
