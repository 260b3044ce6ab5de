import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { type Output, outputOf } from "../../../src/process/run.ts";
import { apiClient, type TestApi } from "../../support/api-client.ts";
import { type Credential, clientCertificate } from "./certificate.ts";

const server = () => inject("server");
const tls = (name: string) => readFileSync(join(server().directory, "data/server/tls", name), "utf8");

/** The API as the cluster's administrator has it. */
export function administrator(): TestApi {
  return clientOf({ cert: tls("client-admin.crt"), key: tls("client-admin.key") });
}

/** The API as a node of that name has it. */
export function nodeCalled(name: string): TestApi {
  return userCalled(`system:node:${name}`, "system:nodes");
}

export function userCalled(user: string, group: string): TestApi {
  return clientOf(clientCertificate({ cert: tls("client-ca.crt"), key: tls("client-ca.key") }, user, group));
}

function clientOf(credential: Credential): TestApi {
  return apiClient(server().port, { ...credential, ca: tls("server-ca.crt") });
}

/** Runs kubectl as the administrator; `input` is a manifest for `-f -`. */
export function kubectl(args: readonly string[], input?: unknown): Promise<Output> {
  const { k3s, directory } = server();
  const argv = [k3s, "kubectl", "--kubeconfig", join(directory, "k3s.yaml"), ...args];
  // Its cache of what the API serves would outlive the definitions.
  const env = { HOME: directory, KUBECACHEDIR: join(directory, "cache") };
  return outputOf({ argv, env }, { input: input === undefined ? undefined : JSON.stringify(input) });
}
