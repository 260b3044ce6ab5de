import { describe, expect, it } from "vitest";
import { useMachine } from "./support/machine.ts";

const name = "test-bad-config";

// `./k3os up` refuses such a file; a node may still meet one.
const node = useMachine({
  name,
  config: "k3os:\n  labels:\n    zone: [a]\n  taints: nonsense\n",
  boot: async ({ dir }) => ({ kind: "image", dir }),
});

describe("a node with a config.yaml that is wrong", () => {
  it("can be reached and is Ready all the same", async () => {
    expect(await node.kubectl("get", "node", name, "-o", "name")).toBe(`node/${name}\n`);
  });

  it("says on the console what is wrong, and where", () => {
    const console = node.machine.serial.text();
    expect(console).toContain("/run/config/userdata:3:11 k3os.labels.zone: expected a string, got a list");
    expect(console).toMatch(/userdata:4:11 k3os\.taints/);
  });

  it("says so in k3os status and k3os config, which fail", async () => {
    const status = await node.machine.ssh("sudo k3os status");
    expect(status).toMatchObject({ status: 1, stdout: expect.stringContaining("/run/config/userdata:3:11") });
    const config = await node.machine.ssh("sudo k3os config --json");
    expect(config.status).toBe(1);
    expect(JSON.parse(config.stdout)).toMatchObject({ rejected: ["/run/config/userdata"] });
  });

  it("applies nothing of the rejected layer", async () => {
    const labels = await node.kubectl("get", "node", name, "-o", "jsonpath={.metadata.labels}");
    expect(JSON.parse(labels)).not.toHaveProperty("zone");
  });
});
