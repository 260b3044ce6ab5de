import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Tools } from "../../../src/build/tools.ts";
import { metadataService } from "../../../src/node/sources/clouds.cases.ts";
import type { Nic, Service } from "../../../src/vm/nics.ts";

/**
 * A self-signed certificate for metadata.platformequinix.com. No machine trusts it before a test adds it to its CAs.
 */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBpzCCAU6gAwIBAgIUan3VH+W9tDZQNzcgX61YhZJr7skwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJazNPUyB0ZXN0MCAXDTI2MTEyNDE3MDkyNloYDzIxMjYxMDMx
MTcwOTI2WjAUMRIwEAYDVQQDDAlrM09TIHRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT1gft+iNOqVbx3AAOEdD5WLZcmpM9fmPbxfnvBInekfGvy17UdF9XT
I6NgmSIVqGJulSJ8LLdwgJJd9A5DrDRbo3wwejAdBgNVHQ4EFgQUAKifg4D2QOVq
8fyaNRDySQzCDpQwHwYDVR0jBBgwFoAUAKifg4D2QOVq8fyaNRDySQzCDpQwDwYD
VR0TAQH/BAUwAwEB/zAnBgNVHREEIDAeghxtZXRhZGF0YS5wbGF0Zm9ybWVxdWlu
aXguY29tMAoGCCqGSM49BAMCA0cAMEQCIEfO12wfgnw2CHzBUS4+TaoTsJoNwzHy
1nedDmEP48Y+AiAeWhTm+7ZbUYQU0+ZGsVaPCPxXbUaGBgJKg41I9O0u2Q==
-----END CERTIFICATE-----
`;
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg2qTJxRRaPd1OECI1
qRz1xRi4Qkg2Fd+CKB8GCCenU8ihRANCAAT1gft+iNOqVbx3AAOEdD5WLZcmpM9f
mPbxfnvBInekfGvy17UdF9XTI6NgmSIVqGJulSJ8LLdwgJJd9A5DrDRb
-----END PRIVATE KEY-----
`;

/** The address of metadata.platformequinix.com in the machine's network. */
export const packetAddress = "160.0.0.100";

/** A network that holds the addresses of all clouds: 160.0.0.0 to 175.255.255.255. */
const network = "160.0.0.0/4";
const plain = ["169.254.169.254", "169.254.42.42", "168.63.129.16"];

export interface MetadataServer {
  /** The network card of a machine that is in every cloud at once. */
  nic(tools: Tools): Nic;
  /** What Azure's wire server was told. */
  readonly told: readonly string[];
  close(): Promise<void>;
}

/** Serves the metadata of all clouds on this host. `publicKey` is called for each request. */
export async function startMetadataServer(publicKey: () => string): Promise<MetadataServer> {
  const told: string[] = [];
  const answer: RequestListener = async (request, response) => {
    const { method = "GET", headers, url = "/" } = request;
    const asked = { method, headers: headers as Record<string, string>, url: new URL(url, "http://metadata") };
    const { status, body } = metadataService(publicKey(), told)({ ...asked, body: await bodyOf(request) });
    response.writeHead(status, { "Content-Length": Buffer.byteLength(body), Connection: "close" }).end(body);
  };
  const servers = [createServer(answer), createTlsServer({ key, cert: certificate }, answer)] as const;
  for (const server of servers) await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const [http = 0, https = 0] = servers.map((server) => (server.address() as AddressInfo).port);

  return {
    told,
    nic: (tools) => {
      const to = (address: string, port: number, local: number): Service => ({
        address,
        port,
        command: [tools.path("usr/bin/busybox"), "nc", "127.0.0.1", String(local)],
      });
      return { network, services: [...plain.map((address) => to(address, 80, http)), to(packetAddress, 443, https)] };
    },
    close: async () => {
      for (const server of servers) if (server.listening) await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of request) text += part;
  return text;
}
