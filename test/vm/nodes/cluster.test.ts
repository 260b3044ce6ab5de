import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { buildDisk } from "../../../src/build/index.ts";
import { lateTimer } from "../../../src/vm/qemu.ts";
import { testImage, writeTestImage } from "../support/container-image.ts";
import { fromDisk, overlay } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { type Start, type TestMachine, useMachine } from "../support/machine.ts";

const server = useMachine("test-server");
const agent = useMachine("test-agent");
/** Machines of other runs on this host have other wires. */
const wire = 40_000 + (process.pid % 20_000);
const address = { server: "10.5.0.1", agent: "10.5.0.2" };

/** A machine on the wire, which is reached by QEMU's own network. */
function onWire(number: 1 | 2) {
  const macs = [`52:54:00:05:00:1${number}`, `52:54:00:05:00:2${number}`] as const;
  const network = `    ethernets:
      outside: { match: { macaddress: "${macs[0]}" }, dhcp4: true }
      inside: { match: { macaddress: "${macs[1]}" }, addresses: [10.5.0.${number}/24] }
`;
  return { network, nics: [{ mac: macs[0] }, { mac: macs[1], wire }] };
}

const [first, second] = [onWire(1), onWire(2)];
const serverConfig = `k3os:
  token: the-secret
  k3s_args: [server, --node-ip=${address.server}]
  network:
${first.network}`;
const agentConfig = (token: string) => `k3os:
  server_url: https://${address.server}:6443
  token: ${token}
  labels: { zone: b }
  k3s_args: [agent, --node-ip=${address.agent}, --node-external-ip=${address.agent}]
  network:
${second.network}`;

const ready = (name: string) =>
  server.kubectl(
    ...["get", "node", name, "-o", 'jsonpath={.status.conditions[?(@.type=="Ready")].status} {.metadata.labels.zone}'],
  );

/** A web server that answers with its name, on that node. */
function web(name: string, node: TestMachine) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "web" } },
    spec: {
      nodeName: node.name,
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "web",
          image: testImage,
          imagePullPolicy: "Never",
          command: ["sh", "-c", `mkdir /www; echo ${name} >/www/index.html; echo started; exec httpd -f -h /www`],
        },
      ],
    },
  };
}

const addressOf = (pod: string) => server.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}");
const fetched = (pod: string, url: string) => server.kubectl("exec", pod, "--", "wget", "-qO-", "-T", "10", url);

/** Both keep what they have on disks. */
let serverMachine: Start;
let agentMachine: Start;

beforeAll(async () => {
  const { dir } = await buildDisk("raw", { usualKernel: "cloud", arguments: [lateTimer] });
  const disk = async ({ directory }: TestMachine) =>
    await overlay(directory, { file: join(dir, "k3os.raw"), format: "raw" }, 4096);
  serverMachine = { boot: fromDisk("bios"), config: serverConfig, nics: first.nics, disks: [await disk(server)] };
  agentMachine = {
    boot: fromDisk("bios"),
    config: agentConfig("another-secret"),
    nics: second.nics,
    disks: [await disk(agent)],
  };
  await server.startReady(serverMachine);
});

describe("a node that joins", { timeout: 400_000 }, () => {
  it("says what is wrong with its token, on the console and in its status, and goes on trying", async () => {
    await agent.start(agentMachine);
    await agent.reachable();
    const reason = "the token is not that of this cluster";
    await eventually(async () => expect(await agent.node("sudo k3os status || true")).toContain(reason), 120);
    expect(agent.machine.serial.text()).toContain(reason);
    const log = await agent.node("sudo cat /var/log/k3s-service.log");
    expect(log).toContain(reason);
    expect(log).not.toContain("another-secret");
  });

  it("is a node with the labels of its config once that is right", async () => {
    await agent.writeLayer("10-token.yaml", "k3os: { token: the-secret }\n");
    await agent.node("sudo k3os apply");
    await eventually(async () => expect(await ready(agent.name)).toBe("True b"), 200);
  });

  it("runs pods, whose log and commands the server reaches", async () => {
    for (const node of [server, agent]) {
      const archive = join(node.directory, "image.tar");
      writeTestImage(node.machine.tools, archive);
      expect(await node.k3os(["image", "load", "--name", node.name, archive])).toMatchObject({ status: 0 });
    }
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    await server.apply({
      apiVersion: "v1",
      kind: "List",
      items: [web("on-server", server), web("on-agent", agent), service],
    });
    await server.kubectl("wait", "--for=condition=Ready", "pod/on-server", "pod/on-agent", "--timeout=200s");
    expect(await server.kubectl("logs", "on-agent")).toBe("started\n");
    expect(await server.kubectl("exec", "on-agent", "--", "cat", "/www/index.html")).toBe("on-agent\n");
  });

  it("has pods that reach those of the other node, by their addresses, by a service, and by its name", async () => {
    // Routes, rules and names follow the pods.
    await eventually(async () => {
      expect(await fetched("on-agent", `http://${await addressOf("on-server")}`)).toBe("on-server\n");
      expect(await fetched("on-server", `http://${await addressOf("on-agent")}`)).toBe("on-agent\n");
    }, 60);
    for (const pod of ["on-server", "on-agent"]) {
      const answered = new Set<string>();
      await eventually(async () => {
        answered.add((await fetched(pod, "http://web.default.svc.cluster.local")).trim());
        expect([...answered].sort()).toEqual(["on-agent", "on-server"]);
      }, 60);
    }
    expect(await agent.node(`curl -sS -m 10 http://${await addressOf("on-server")}`)).toBe("on-server\n");
  });

  it("publishes the external address of its flags", async () => {
    const kinds = "{range .status.addresses[*]}{.type}={.address} {end}{.spec.taints}";
    expect(await server.kubectl("get", "node", agent.name, "-o", `jsonpath=${kinds}`)).toBe(
      `InternalIP=${address.agent} ExternalIP=${address.agent} Hostname=${agent.name} `,
    );
  });

  it("has its own volumes of local storage", async () => {
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "kept" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    };
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "keeper" },
      spec: {
        nodeSelector: { "kubernetes.io/hostname": agent.name },
        restartPolicy: "Never",
        containers: [
          {
            name: "one",
            image: testImage,
            imagePullPolicy: "Never",
            command: ["sh", "-c", "echo kept >/kept/file"],
            volumeMounts: [{ name: "kept", mountPath: "/kept" }],
          },
        ],
        volumes: [{ name: "kept", persistentVolumeClaim: { claimName: "kept" } }],
      },
    };
    await server.apply({ apiVersion: "v1", kind: "List", items: [claim, pod] });
    await server.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/keeper", "--timeout=200s");
    const storage = "/var/lib/rancher/k3s/storage";
    expect(await agent.node(`sudo sh -c 'cat ${storage}/pvc-*_default_kept/file'`)).toBe("kept\n");
    await server.kubectl("delete", "pod/keeper", "pvc/kept");
    await eventually(async () => expect(await agent.node(`sudo ls -A ${storage}`)).toBe(""), 60);
  });

  it("reaches services of type LoadBalancer at nodes with a pod, which sees who asks", async () => {
    const script =
      "printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' >/www/cgi-bin/who; busybox chmod +x /www/cgi-bin/who";
    const command = ["sh", "-c", `mkdir -p /www/cgi-bin; ${script}; exec httpd -f -h /www`];
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "who", labels: { app: "who" } },
      spec: {
        nodeName: server.name,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: "web", image: testImage, imagePullPolicy: "Never", command }],
      },
    };
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "who" },
      spec: {
        type: "LoadBalancer",
        externalTrafficPolicy: "Local",
        selector: { app: "who" },
        ports: [{ port: 8080, targetPort: 80 }],
      },
    };
    await server.apply({ apiVersion: "v1", kind: "List", items: [pod, service] });
    await eventually(async () => {
      const status = "jsonpath={.status.loadBalancer.ingress[*].ip}";
      expect(await server.kubectl("get", "service", "who", "-o", status)).toBe(address.server);
      const answer = await agent.node(`curl -sS -m 10 http://${address.server}:8080/cgi-bin/who`);
      expect(answer).toContain(address.agent);
    }, 120);
  });

  it("keeps its pods while its server is away, starts without it, and is Ready again when that is back", async () => {
    const pod = `http://${await addressOf("on-agent")}`;
    await server.cut();
    await agent.node("sudo rc-service k3s restart");
    await eventually(async () => expect(await agent.node("curl -sS http://127.0.0.1:10248/healthz")).toBe("ok"), 200);
    expect(await agent.node(`curl -sS -m 10 ${pod}`)).toBe("on-agent\n");
    expect(await agent.node("sudo k3os status || true")).toContain("the API does not answer");
    await server.startReady(serverMachine);
    // The datastore has the agent as Ready from before.
    const renewed = () =>
      server.kubectl("get", "lease", "-n", "kube-node-lease", agent.name, "-o", "jsonpath={.spec.renewTime}");
    const before = await renewed();
    await eventually(async () => expect(await renewed()).not.toBe(before), 200);
    expect(await ready(agent.name)).toBe("True b");
    expect(await server.kubectl("exec", "on-agent", "--", "cat", "/www/index.html")).toBe("on-agent\n");
  });
});
