import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { mediumConfigs, readCluster } from "../../../src/cluster/index.ts";
import { lateTimer } from "../../../src/vm/qemu.ts";
import { testImage, writeTestImage } from "../support/container-image.ts";
import { fromDisk, rawDisk } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { builtImage } from "../support/image.ts";
import { type Start, type TestMachine, useMachine } from "../support/machine.ts";

const server = useMachine("test-server");
const agent = useMachine("test-agent");
/** Machines of other runs on this host have other wires. */
const wire = 40_000 + (process.pid % 20_000);
const address = { server: "10.5.0.1", agent: "10.5.0.2" };

/** A machine on the wire, which is reached by QEMU's own network. */
function onWire(number: 1 | 2) {
  const macs = [`52:54:00:05:00:1${number}`, `52:54:00:05:00:2${number}`] as const;
  const cards = [
    `outside: { match: { macaddress: "${macs[0]}" }, dhcp4: true }`,
    `inside: { match: { macaddress: "${macs[1]}" }, addresses: [10.5.0.${number}/24] }`,
  ];
  const network = `{ ethernets: { ${cards.join(", ")} } }`;
  return { network, nics: [{ mac: macs[0] }, { mac: macs[1], wire }] };
}

const [first, second] = [onWire(1), onWire(2)];
const clusterFile = `name: test
nodes:
- name: ${server.name}
  role: server
  address: ${address.server}
  config:
    k3os:
      k3s_args: [--node-ip=${address.server}]
      network: ${first.network}
- name: ${agent.name}
  role: agent
  config:
    k3os:
      k3s_args: [--node-ip=${address.agent}, --node-external-ip=${address.agent}]
      network: ${second.network}
      labels: { zone: b }
manifests: [from-file.yaml]
`;

/** The configs that media of the cluster file carry. */
function configs(token: string): readonly string[] {
  const manifest = "apiVersion: v1\nkind: Namespace\nmetadata: { name: from-file }\n";
  const find = (path: string) => [{ path, text: manifest }];
  const { cluster, problems } = readCluster({ path: "cluster.yaml", text: clusterFile }, find);
  if (cluster === undefined) throw new Error(JSON.stringify(problems));
  return mediumConfigs(cluster, token).map(({ text }) => text);
}

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
          command: [
            ...["sh", "-c"],
            `mkdir /www; echo ${name} >/www/index.html; head -c 65536 /dev/zero >/www/long; echo started; exec httpd -fv -h /www`,
          ],
        },
      ],
    },
  };
}

const nodePort = 30080;

/** How many bytes of a long answer arrive at the other node, in both directions. */
async function longAnswers() {
  const [toServer, toAgent] = [
    `http://${await addressOf("on-agent")}/long`,
    `http://${await addressOf("on-server")}/long`,
  ];
  const count = (url: string) => ["sh", "-c", `wget -qO- -T 10 ${url} | wc -c`];
  return [
    await server.kubectl("exec", "on-server", "--", ...count(toServer)),
    await server.kubectl("exec", "on-agent", "--", ...count(toAgent)),
  ];
}

const addressOf = (pod: string) => server.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIP}");
const fetched = (pod: string, url: string, patience = 10) =>
  server.kubectl("exec", pod, "--", "wget", "-qO-", "-T", `${patience}`, url);
const refused = (pod: string, url: string) => expect(fetched(pod, url, 3)).rejects.toThrow("download timed out");
const isolated = (node: TestMachine) => node.node("sudo nft list map inet k3os-policies ingress");
/** Nobody reaches the web servers but pods with a label, at port 80. */
const policy = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "web" },
  spec: {
    podSelector: { matchLabels: { app: "web" } },
    policyTypes: ["Ingress"],
    ingress: [{ from: [{ podSelector: { matchLabels: { web: "allowed" } } }], ports: [{ port: 80 }] }],
  },
};

/** Both keep what they have on disks. */
let serverMachine: Start;
let agentMachine: Start;

beforeAll(async () => {
  const disk = ({ directory }: TestMachine) => rawDisk(directory, { arguments: [lateTimer] });
  serverMachine = {
    boot: fromDisk(),
    config: configs("the-secret")[0],
    nics: first.nics,
    disks: [await disk(server)],
  };
  agentMachine = {
    boot: fromDisk(),
    config: configs("another-secret")[1],
    nics: second.nics,
    disks: [await disk(agent)],
  };
  await server.startReady(serverMachine);
});

describe("a server whose medium was made of a cluster file", { timeout: 900_000 }, () => {
  it("has the name and the manifests of the file", async () => {
    expect(await server.node("hostname")).toBe(`${server.name}\n`);
    await eventually(() => server.kubectl("get", "namespace", "from-file"));
  });
});

describe("a node that joins", { timeout: 900_000 }, () => {
  it("says what is wrong with its token, on the console and in its status, and goes on trying", async () => {
    await agent.start(agentMachine);
    await agent.reachable();
    const reason = "the token is not that of this cluster";
    await eventually(async () => expect(await agent.node("sudo k3os status || true")).toContain(reason));
    expect(agent.machine.serial.text()).toContain(reason);
    const log = await agent.node("sudo cat /var/log/k3s-service.log");
    expect(log).toContain(reason);
    expect(log).not.toContain("another-secret");
  });

  it("is a node with the labels of its config once that is right", async () => {
    await agent.writeLayer("10-token.yaml", "k3os: { token: the-secret }\n");
    await agent.node("sudo k3os apply");
    await eventually(async () => expect(await ready(agent.name)).toBe("True b"));
  });

  it("runs pods, whose log and commands the server reaches", async () => {
    for (const node of [server, agent]) {
      const archive = join(node.directory, "image.tar");
      writeTestImage(await builtImage(), archive);
      expect(await node.k3os(["image", "load", "--name", node.name, archive])).toMatchObject({ status: 0 });
    }
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "web" },
      spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
    };
    const local = {
      ...service,
      metadata: { name: "local" },
      spec: { ...service.spec, type: "NodePort", externalTrafficPolicy: "Local", ports: [{ port: 80, nodePort }] },
    };
    await server.apply({
      apiVersion: "v1",
      kind: "List",
      items: [web("on-server", server), web("on-agent", agent), service, local],
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
    });
    for (const pod of ["on-server", "on-agent"]) {
      const answered = new Set<string>();
      await eventually(async () => {
        answered.add((await fetched(pod, "http://web.default.svc.cluster.local")).trim());
        expect([...answered].sort()).toEqual(["on-agent", "on-server"]);
      });
    }
    expect(await agent.node(`curl -sS -m 10 http://${await addressOf("on-server")}`)).toBe("on-server\n");
  });

  it("shows a pod the address of who asks, where a service stays on the node", async () => {
    expect(await server.node(`curl -sS -m 10 http://${address.agent}:${nodePort}`)).toBe("on-agent\n");
    await eventually(async () => expect(await server.kubectl("logs", "on-agent")).toContain(address.server));
  });

  it("carries what is longer than a packet", async () => {
    expect(await longAnswers()).toEqual(["65536\n", "65536\n"]);
  });

  it("enforces NetworkPolicies, between pods of one node and of two", async () => {
    for (const node of [server, agent]) expect(await node.node("sudo nft list tables")).not.toContain("k3os-policies");
    const beside = web("beside", agent);
    // None of the service's pods: a pod always reaches itself.
    await server.apply({ ...beside, metadata: { ...beside.metadata, labels: { app: "client" } } });
    await server.kubectl("wait", "--for=condition=Ready", "pod/beside", "--timeout=200s");
    const [onServer, onAgent] = [`http://${await addressOf("on-server")}`, `http://${await addressOf("on-agent")}`];
    await eventually(async () => expect(await fetched("beside", onAgent)).toBe("on-agent\n"));

    await server.apply(policy);
    await eventually(() => refused("beside", onAgent));
    await refused("on-server", onAgent);
    await eventually(() => refused("on-agent", onServer));
    await refused("beside", "http://web.default.svc.cluster.local");
    expect(await agent.node(`curl -sS -m 10 ${onAgent}`)).toBe("on-agent\n"); // a node reaches its own pods

    await server.kubectl("label", "pod", "beside", "on-server", "web=allowed");
    await eventually(async () => {
      expect(await fetched("beside", onAgent)).toBe("on-agent\n");
      expect(await fetched("on-server", onAgent)).toBe("on-agent\n");
    });
    await refused("on-agent", onServer);
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
    await eventually(async () => expect(await agent.node(`sudo ls -A ${storage}`)).toBe(""));
  });

  it("reaches services whose pod is elsewhere, and those of type LoadBalancer at the address of its node", async () => {
    const who = web("who", server);
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
    const pod = { ...who, metadata: { ...who.metadata, labels: { app: "who" } } };
    await server.apply({ apiVersion: "v1", kind: "List", items: [pod, service] });
    await eventually(async () => {
      const status = "jsonpath={.status.loadBalancer.ingress[*].ip}";
      expect(await server.kubectl("get", "service", "who", "-o", status)).toBe(address.server);
      for (const at of [
        address.server,
        await server.kubectl("get", "service", "who", "-o", "jsonpath={.spec.clusterIP}"),
      ])
        expect(await agent.node(`curl -sS -m 10 http://${at}:8080`)).toBe("who\n");
    });
  });

  it("keeps its pods while its server is away, starts without it, and is Ready again when that is back", async () => {
    const pod = `http://${await addressOf("on-agent")}`;
    await server.cut();
    await agent.node("sudo rc-service k3s restart");
    await eventually(async () => expect(await agent.node("curl -sS http://127.0.0.1:10248/healthz")).toBe("ok"));
    expect(await agent.node(`curl -sS -m 10 ${pod}`)).toBe("on-agent\n");
    expect(await isolated(agent)).toContain(new URL(pod).hostname);
    expect(await agent.node("sudo k3os status || true")).toContain("the API does not answer");
    await server.startReady(serverMachine);
    // The datastore has the agent as Ready from before.
    const renewed = () =>
      server.kubectl("get", "lease", "-n", "kube-node-lease", agent.name, "-o", "jsonpath={.spec.renewTime}");
    const before = await renewed();
    await eventually(async () => expect(await renewed()).not.toBe(before));
    expect(await ready(agent.name)).toBe("True b");
    expect(await server.kubectl("exec", "on-agent", "--", "cat", "/www/index.html")).toBe("on-agent\n");
  });

  it("forgets NetworkPolicies with the last one", async () => {
    const onServer = async () => `http://${await addressOf("on-server")}`;
    // The datastore has the pod's address from before its node was cut.
    await eventually(async () => {
      const ip = await addressOf("on-server");
      expect(await server.kubectl("exec", "on-server", "--", "cat", "/etc/hosts")).toContain(`${ip}\ton-server\n`);
      expect(await isolated(server)).toContain(ip);
    });
    await refused("on-agent", await onServer());
    await server.kubectl("delete", "networkpolicy", "web");
    await eventually(async () => expect(await fetched("on-agent", await onServer())).toBe("on-server\n"));
    for (const node of [server, agent]) {
      await eventually(async () => expect(await node.node("sudo nft list tables")).not.toContain("k3os-policies"));
    }
  });

  it("encrypts what pods of different nodes say, once all nodes have started with that backend", async () => {
    const inside = (await server.node(`ip -o -4 addr show to ${address.server}`)).split(/\s+/)[1];
    const args = `[server, --flannel-iface=${inside}, --flannel-backend=wireguard-native]`;
    await server.writeLayer("20-flannel.yaml", `k3os: { k3s_args: ${args} }\n`);
    await server.node("sudo k3os apply");
    await eventually(async () => expect(await server.kubectl("get", "--raw", "/readyz")).toBe("ok"));
    await agent.node("sudo rc-service k3s restart");
    const [onServer, onAgent] = [await addressOf("on-server"), await addressOf("on-agent")];
    await eventually(async () => {
      expect(await server.node(`ip route get ${onAgent}`)).toContain("dev flannel-wg");
      expect(await agent.node(`ip route get ${onServer}`)).toContain("dev flannel-wg");
    });
    await eventually(async () => {
      expect(await fetched("on-agent", `http://${onServer}`)).toBe("on-server\n");
      expect(await fetched("on-server", `http://${onAgent}`)).toBe("on-agent\n");
    });
    expect(await longAnswers()).toEqual(["65536\n", "65536\n"]);
    expect(await agent.node("cat /sys/class/net/flannel-wg/mtu; ls -d /sys/class/net/flannel.1 || true")).toBe(
      "1420\n",
    );
  });

  it("stays a node when the token of the servers is changed, which then joins nobody", async () => {
    const made = (await server.node("sudo k3s token create --ttl 10m --description machine")).trim();
    expect(made).toMatch(/^K10[0-9a-f]{64}::[a-z0-9]{6}\.[a-z0-9]{16}$/);
    const list = await server.node("sudo k3s token list");
    expect(list).toContain("machine");
    expect(list).not.toContain(made.split(".")[1]);
    const status = async (token: string) =>
      await server.node(`curl -sk -o /dev/null -w '%{http_code}' -u '${token}' https://127.0.0.1:6443/v1-k3s/config`);
    expect(await status("node:the-secret")).toBe("200");
    await server.node("echo another-one | sudo k3s token rotate --new-token=-");
    expect(await status("node:the-secret")).toBe("401");
    expect(await status("node:another-one")).toBe("200");
    expect(await status(`node:${made.split("::")[1]}`)).toBe("200");
    await agent.node("sudo rc-service k3s restart"); // its configuration has the token from before
    await eventually(async () => expect(await agent.node("curl -sS http://127.0.0.1:10248/healthz")).toBe("ok"));
    expect(await agent.node("sudo k3os status || true")).not.toContain("has not joined");
    await eventually(async () => expect(await ready(agent.name)).toBe("True b"));
    for (const node of [server, agent]) {
      const { Certificates } = JSON.parse(await node.node("sudo k3s certificate check -o json"));
      expect(Certificates.length).toBeGreaterThan(4);
      expect(Certificates.filter(({ Status }: { Status: string }) => Status !== "OK")).toEqual([]);
    }
  });
});
