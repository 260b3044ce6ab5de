import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Suite } from "../../../bench/conformance/suite.ts";
import { builtSuite, failedSpecs, loadSuite } from "../support/conformance.ts";
import { testImage, toolbox, writeTestImage } from "../support/container-image.ts";
import { emptyDisk } from "../support/disks.ts";
import { eventually } from "../support/eventually.ts";
import { builtImage, tool } from "../support/image.ts";
import { useMachine } from "../support/machine.ts";
import { forwardPort } from "../support/port-forward.ts";
import { startRegistry } from "../support/registry.ts";
import { serveText } from "../support/serve.ts";

const name = "test-node";
const node = useMachine(name);

const registry = await startRegistry(async () => toolbox(await builtImage(), "toolbox:1"));
afterAll(() => registry.close());

const configMap = (of: string) => `{ apiVersion: v1, kind: ConfigMap, metadata: { name: ${of}, namespace: default } }`;
const remote = await serveText(configMap("fetched"));
afterAll(() => remote.close());

const disks = [emptyDisk(node.directory, "cluster", 2048), emptyDisk(node.directory, "data", 1024)];

const config = `
hostname: ${name}
boot_cmd:
  - echo boot > /run/boot-cmd
run_cmd:
  - ip route show default > /run/run-cmd
write_files:
  - path: /etc/motd
    content: welcome
    permissions: "0600"
    owner: rancher:rancher
  - path: /opt/packed
    encoding: gz+b64
    content: H4sIAAAAAAACA0vLz+cCAKhlMn4EAAAA
k3os:
  token: a-secret-of-the-test
  password: opensesame
  labels: { zone: a }
  taints: ["test=yes:PreferNoSchedule"]
  k3s_args: [server, --kubelet-arg=max-pods=42]
  environment: { TEST_VARIABLE: "some value" }
  modules: [dummy, brd rd_nr=1 rd_size=16384]
  sysctls: { vm.max_map_count: 262144 }
  dns_nameservers: [10.0.2.3]
  ntp_servers: [10.0.2.2]
  timezone: Asia/Tokyo
  mounts:
    - { device: LABEL=cidata, path: /mnt/seed, options: ro }
    - { device: /dev/vdc, path: /var/lib/rancher/k3s, format: true }
    - { device: /dev/disk/by-id/virtio-data, path: /mnt/data, format: true }
    - { device: /dev/ram0, path: /var/scratch, format: true, options: "noatime,nodev" }
  users:
    - { name: ada, groups: [adm], sudo: true, password: ada-s-password, ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE ada] }
    - { name: bob, shell: /bin/sh }
  proxy: { http: http://10.0.2.2:1, no_proxy: [.example.com] }
  registries:
    mirrors: { example.org: { endpoint: ["http://10.0.2.2:${registry.port}"] } }
    configs:
      "10.0.2.2:${registry.port}": { auth: { username: ${registry.user}, password: ${registry.password} } }
  manifests:
    - { name: inline, content: "${configMap("inline")}" }
    - { name: remote, url: "http://10.0.2.2:${remote.port}/remote.yaml" }
`;

beforeAll(async () => {
  await node.startReady({ config, disks });
});

/** Prints the process id of k3s itself, not of its containerd. */
const k3sPid = 'ps -o pid,args | awk \'$2 == "/usr/bin/k3s" && $3 == "server" { print $1 }\'';

describe("a live node", () => {
  it("is Ready, and status says so to people and to scripts", async () => {
    const status = await node.k3os(["status", "--name", name, "--json"]);
    expect(JSON.parse(status.stdout)).toMatchObject({ name, state: "running", ready: true });
    const { stdout } = await node.k3os(["status", "--name", name]);
    expect(stdout).toContain("Ready");
    // On a busy host the API may be slower, right after the start, than status waits for it.
    await eventually(async () => {
      const said = JSON.parse(await node.node("sudo k3os status --json"));
      expect(said).toMatchObject({ ready: "True", config_problems: 0 });
    });
  });

  it("names disks by what they are, where they are, and what is on them", async () => {
    const links = await node.node(
      "cd /dev/disk && for link in by-id/virtio-k3os-root by-id/virtio-data by-label/cidata; do readlink $link; done",
    );
    expect(links).toBe("../../vda\n../../vdd\n../../vdb\n");
    expect(await node.node("ls /dev/disk/by-path")).toMatch(/^pci-\S+$/m);
  });

  it("names a disk and loads a driver when the kernel tells of a device", async () => {
    await node.node("sudo rm /dev/disk/by-id/virtio-data && echo add | sudo tee /sys/block/vdd/uevent");
    await node.node("sudo modprobe -r ahci && echo add | sudo tee /sys/bus/pci/devices/0000:00:1f.2/uevent");
    await eventually(async () => {
      expect(await node.node("readlink /dev/disk/by-id/virtio-data")).toBe("../../vdd\n");
      expect(await node.node("grep -c '^ahci ' /proc/modules")).toBe("1\n");
    });
  });

  it("tells of firmware that the kernel did not find, and how an image gets it", async () => {
    const failed = "e100 0000:00:09.0: Direct firmware load for e100/d101s_ucode.bin failed with error -2";
    await node.node(`echo '<4>${failed}' | sudo tee /dev/kmsg`);
    expect(await node.node("sudo k3os status | grep ^firmware")).toMatch(
      /e100\/d101s_ucode.bin: add firmware-intel-misc to .* of your own, or take the flavour metal/,
    );
  });

  it("has the labels, the taints and the limits of its config", async () => {
    const { metadata, spec, status } = JSON.parse(await node.kubectl("get", "node", name, "-o", "json"));
    expect(metadata.labels).toMatchObject({
      zone: "a",
      "k3os.io/mode": "live",
      "node-role.kubernetes.io/control-plane": "true",
    });
    expect(spec.taints).toContainEqual({ key: "test", value: "yes", effect: "PreferNoSchedule" });
    expect(status.capacity.pods).toBe("42");
  });

  it("says what nodes and pods use", async () => {
    await eventually(async () => {
      const nodes = await node.kubectl("top", "node", name);
      expect(nodes).toMatch(new RegExp(`^${name} +\\d+m +\\d+% +\\d+Mi +\\d+%`, "m"));
      expect(await node.kubectl("top", "pods", "-A")).toMatch(/^kube-system +coredns-\S+ +\d+m +\d+Mi/m);
    });
  });

  const applied = [
    ["boot_cmd", "cat /run/boot-cmd", "boot\n"],
    ["run_cmd, with the network up", "grep -c '^default via' /run/run-cmd", "1\n"],
    ["write_files", "sudo cat /etc/motd; stat -c %a:%U /etc/motd", "welcome600:rancher\n"],
    ["packed write_files", "cat /opt/packed", "foo\n"],
    ["hostname", "hostname; cat /etc/hostname", `${name}\n${name}\n`],
    ["environment", ". /etc/environment; echo $TEST_VARIABLE", "some value\n"],
    [
      "environment of k3s",
      `sudo cat /proc/$(${k3sPid})/environ | tr '\\0' '\\n' | grep ^TEST_`,
      "TEST_VARIABLE=some value\n",
    ],
    ["modules", "lsmod | grep -c '^dummy '", "1\n"],
    ["sysctls", "cat /proc/sys/vm/max_map_count", "262144\n"],
    ["dns_nameservers", "grep -c 'nameserver 10.0.2.3' /etc/resolv.conf", /^[1-9]/],
    ["ntp_servers", "sudo chronyc -n sources | grep -c 10.0.2.2", "1\n"],
    ["password", "sudo grep ^rancher: /etc/shadow | cut -c1-11", "rancher:$6$\n"],
    ["timezone", "date +%Z%z", "JST+0900\n"],
    ["mounts", "cat /mnt/seed/user-data | grep -c 'device: LABEL=cidata'", "1\n"],
    ["mounts, made if empty", "findmnt -no FSTYPE,OPTIONS /var/scratch | grep -o 'ext4 *rw,nodev,noatime'", /ext4/],
    [
      "users",
      "id ada; getent passwd bob",
      /^uid=1001\(ada\) gid=1001\(ada\) groups=1001\(ada\),4\(adm\)\nbob:x:1002:.*:\/bin\/sh\n$/,
    ],
    [
      "users, who may become root",
      "sudo -u ada sudo -n id -u; sudo -u bob sudo -n id -u 2>&1 || true",
      /^0\nsudo: .*\n$/,
    ],
    [
      "users' keys",
      "cd /etc/ssh/authorized_keys.d; cat ada; stat -c %a:%U ada . ~ada; sudo sshd -T | grep authorizedkeysfile",
      /ada\n644:root\n755:root\n700:ada\nauthorizedkeysfile .ssh\/authorized_keys \/etc\/ssh\/authorized_keys.d\/%u\n$/,
    ],
    ["users' passwords", "sudo grep -E '^(ada|bob):' /etc/shadow | cut -c1-7", "ada:$6$\nbob:*::\n"],
    ["proxy of shells", "bash -lc 'echo $https_proxy'", "http://10.0.2.2:1\n"],
    [
      "proxy of containerd, which reaches the node without it",
      "sudo cat /proc/$(pidof containerd | cut -d' ' -f1)/environ | tr '\\0' '\\n' | grep -E '^(HTTPS_PROXY|NO_PROXY)' | sort",
      /^HTTPS_PROXY=http:\/\/10\.0\.2\.2:1\nNO_PROXY=.*,10\.43\.0\.0\/16,.*,\.example\.com,10\.0\.2\.15\b/,
    ],
    ["registries", "sudo stat -c %a:%U /etc/rancher/k3s/registries.yaml", "600:root\n"],
    ["token", "sudo cat /var/lib/rancher/k3s/server/token", /a-secret-of-the-test/],
  ] as const;
  for (const [key, command, want] of applied) {
    it(`has applied ${key}`, async () => {
      expect(await node.node(command)).toEqual(want instanceof RegExp ? expect.stringMatching(want) : want);
    });
  }

  it("finds nothing to do when the same config is applied again", async () => {
    expect(await node.node("sudo k3os apply")).toBe("");
  });

  it("applies what changes, and takes back what is gone", async () => {
    await node.writeLayer("99-test.yaml", "k3os: { timezone: UTC, users: { name: eve }, registries: ~ }\n");
    const changed = (await node.node("sudo k3os config --plan")).trim().split("\n");
    expect(changed).toEqual([
      "remove the account ada, but not its home",
      "remove the account bob, but not its home",
      "put /etc/ssh/authorized_keys.d/ada back as it was",
      "put /etc/rancher/k3s/registries.yaml back as it was",
      "use time zone UTC",
      "make the account eve",
      "let nobody log in as eve by password",
      "restart k3s, which takes this up when it starts; pods go on running",
    ]);
    expect((await node.node("sudo k3os apply --no-restart")).trim().split("\n")).toEqual([
      ...changed.slice(0, -1),
      "k3s takes this up when it is restarted: sudo rc-service k3s restart",
    ]);
    expect(await node.node("date +%Z; id -u eve; id ada 2>&1 || true; ls -d /home/ada")).toMatch(
      /^UTC\n1003\nid: .*\n\/home\/ada\n$/,
    );
    expect(await node.node("sudo ls /etc/rancher/k3s")).not.toContain("registries.yaml");
    expect((await node.ssh("sudo k3os status")).stdout).toContain("sudo rc-service k3s restart\n");
    await node.removeLayer("99-test.yaml");
    await node.node("sudo k3os apply --no-restart");
    expect(await node.node("date +%Z; id -u ada; sudo k3os config --plan")).toMatch(/^JST\n1001\nrestart k3s, .*\n$/);
  });

  it("does not wait for ever for a volume that is not there", async () => {
    await node.writeLayer("99-test.yaml", "k3os: { mounts: { device: LABEL=absent, path: /mnt/absent } }\n");
    const { status, stdout } = await node.ssh("sudo k3os apply --no-restart");
    expect(status).toBe(1);
    expect(stdout).toContain("there is no device LABEL=absent after 10 s");
    await node.removeLayer("99-test.yaml");
    await node.node("sudo k3os apply --no-restart");
  });

  it("starts with the manifests of its config, once", async () => {
    await eventually(() => node.kubectl("get", "configmap", "inline", "fetched"));
    const path = "/var/lib/rancher/k3s/server/manifests/inline.yaml";
    await node.node(`sudo rm ${path} && sudo k3os apply --no-restart`);
    expect(await node.node(`sudo ls ${path} 2>&1 || true`)).toContain("No such file");
  });

  it("tells where a value comes from, and hides secrets", async () => {
    expect(await node.node("sudo k3os config --why k3os.labels")).toMatch(
      /^k3os.labels comes from \/run\/config\/userdata:\d+:\d+\n$/,
    );
    const shown = await node.node("sudo k3os config");
    expect(shown).toContain("zone: a");
    expect(shown).not.toMatch(/opensesame|a-secret-of-the-test|ada-s-password|only-for-the-test/);
  });

  it("describes its API to kubectl, and refuses what does not match", async () => {
    expect(await node.kubectl("explain", "deployment.spec.replicas")).toContain("FIELD: replicas <integer>");
    const list = JSON.parse(await node.kubectl("get", "--raw", "/openapi/v3"));
    const address = list.paths["apis/apps/v1"].serverRelativeURL;
    const document = JSON.parse(await node.kubectl("get", "--raw", address));
    expect(document.components.schemas).toHaveProperty(["io.k8s.api.apps.v1.Deployment"]);
    const input = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "typo" }, dada: { a: "b" } });
    const refused = await node.k3os(["kubectl", "--name", name, "apply", "-f", "-"], { input });
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('unknown field "dada"') });
  });

  it("cannot be written in /usr, not even by root", async () => {
    const { status, stderr } = await node.ssh("sudo touch /usr/bin/x");
    expect(status).not.toBe(0);
    expect(stderr).toContain("Read-only file system");
  });

  it("lets nobody in by password over ssh", async () => {
    expect(
      await node.node(
        "sudo sshd -T | grep -E '^(passwordauthentication|kbdinteractiveauthentication|permitrootlogin) '",
      ),
    ).toBe("permitrootlogin no\npasswordauthentication no\nkbdinteractiveauthentication no\n");
  });

  it("listens on nothing but ssh and Kubernetes", async () => {
    const ports = await node.node(
      "sudo ss -Hltn | awk '$4 !~ /^(127\\.|\\[::1\\])/ { sub(/.*:/, \"\", $4); print $4 }' | sort -nu",
    );
    expect(ports.trim().split("\n")).toEqual(["22", "6443", "10250"]);
  });

  it("keeps secrets where only root reads them", async () => {
    expect(await node.node("sudo stat -c '%a' /run/config/userdata /etc/rancher/k3s/k3s-service.env")).toBe(
      "600\n600\n",
    );
    expect(
      await node.node(
        "grep -rlE 'opensesame|a-secret-of-the-test|ada-s-password|only-for-the-test' /run /etc /var 2>/dev/null | wc -l",
      ),
    ).toBe("0\n");
  });

  it("shows a login on the console, with its address", async () => {
    await eventually(async () => expect(node.machine.serial.text()).toMatch(/eth0: 10\.0\.2\.15/));
    expect(node.machine.serial.text()).toContain(`${name} login:`);
    await node.machine.serial.send("rancher\n");
    await node.machine.serial.expect(/Password:/);
    await node.machine.serial.send("opensesame\n");
    await node.machine.serial.expect(/\$ $/);
  });
});

describe("a pod on a live node", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web", labels: { app: "web" } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [
        {
          name: "web",
          image: testImage,
          imagePullPolicy: "Never",
          command: ["sh", "-c", "mkdir /www; echo served >/www/index.html; echo started; exec httpd -f -h /www"],
          ports: [{ containerPort: 80 }],
        },
      ],
    },
  };
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web" },
    spec: { selector: { app: "web" }, ports: [{ port: 80 }] },
  };

  it("runs from an image that was loaded from an archive", async () => {
    const directory = mkdtempSync(join(tmpdir(), "k3os-image-"));
    try {
      writeTestImage(await builtImage(), join(directory, "image.tar"));
      const loaded = await node.k3os(["image", "load", "--name", name, join(directory, "image.tar")]);
      expect(loaded).toMatchObject({ status: 0, stdout: expect.stringContaining(testImage) });
      await node.apply({ apiVersion: "v1", kind: "List", items: [pod, service] });
      await node.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=120s");
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });

  it("writes to a volume that k3os.mounts mounted, as the cluster does to its own", async () => {
    const container = {
      name: "one",
      image: testImage,
      imagePullPolicy: "Never",
      command: ["/bin/sh", "-c", "exec >>/data/log; while true; do echo line; sleep 0.1; done"],
      volumeMounts: [{ name: "data", mountPath: "/data" }],
    };
    // Its shell takes no notice of SIGTERM.
    const spec = {
      terminationGracePeriodSeconds: 1,
      containers: [container],
      volumes: [{ name: "data", hostPath: { path: "/mnt/data" } }],
    };
    await node.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "writer" }, spec });
    await node.kubectl("wait", "--for=condition=Ready", "pod/writer", "--timeout=200s");
    expect(await node.node("findmnt -no SOURCE -T /mnt/data/log")).toBe("/dev/vdd\n");
    expect(await node.node("sudo findmnt -no SOURCE -T /var/lib/rancher/k3s/server/db")).toBe("/dev/vdc\n");
  });

  it("keeps what it writes into a volume of local storage, until the claim is deleted", async () => {
    const claim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "kept" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Mi" } } },
    };
    const keeper = (name: string, runtimeClassName: string, command: string) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: {
        runtimeClassName,
        restartPolicy: "Never",
        securityContext: { runAsUser: 1000 },
        containers: [
          {
            name: "one",
            image: testImage,
            imagePullPolicy: "Never",
            command: ["/bin/sh", "-c", command],
            volumeMounts: [{ name: "kept", mountPath: "/kept" }],
          },
        ],
        volumes: [{ name: "kept", persistentVolumeClaim: { claimName: "kept" } }],
      },
    });
    const succeeded = "--for=jsonpath={.status.phase}=Succeeded";
    await node.apply({
      apiVersion: "v1",
      kind: "List",
      items: [claim, keeper("puts", "runc", "echo kept >/kept/file")],
    });
    await node.kubectl("wait", succeeded, "pod/puts", "--timeout=200s");
    await node.kubectl("delete", "pod", "puts");
    await node.apply(keeper("gets", "crun", "cat /kept/file"));
    await node.kubectl("wait", succeeded, "pod/gets", "--timeout=200s");
    expect(await node.kubectl("logs", "gets")).toBe("kept\n");
    const storage = "/var/lib/rancher/k3s/storage";
    expect(await node.node(`sudo sh -c 'stat -c "%a %n" ${storage} ${storage}/*'`)).toMatch(
      new RegExp(`^700 ${storage}\n777 ${storage}/pvc-[0-9a-f-]{36}_default_kept\n$`),
    );
    await node.kubectl("delete", "pod/gets", "pvc/kept");
    await eventually(async () => {
      expect(await node.node(`sudo ls -A ${storage}`)).toBe("");
      expect(await node.kubectl("get", "pv", "-o", "name")).toBe("");
    });
  });

  it("answers at the node's address by a service of type LoadBalancer, whose port is free", async () => {
    const service = (name: string, port: number) => ({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { type: "LoadBalancer", selector: { app: "web" }, ports: [{ port, targetPort: 80 }] },
    });
    await node.apply({ apiVersion: "v1", kind: "List", items: [service("outside", 8080), service("not-ssh", 22)] });
    const ip = (await node.kubectl("get", "node", name, "-o", "jsonpath={.status.addresses[0].address}")).trim();
    const addressOf = async (of: string) =>
      await node.kubectl("get", "service", of, "-o", "jsonpath={.status.loadBalancer.ingress[*].ip}");
    await eventually(async () => {
      expect(await addressOf("outside")).toBe(ip);
      expect(await node.node(`curl -sS -m 5 http://${ip}:8080`)).toBe("served\n");
    });
    await eventually(async () => {
      const events = await node.kubectl(
        "get",
        "events",
        "--field-selector=involvedObject.name=not-ssh",
        "-o",
        "jsonpath={.items[*].message}",
      );
      expect(events).toContain("port 22/TCP of nodes is for ssh");
    });
    expect(await addressOf("not-ssh")).toBe("");
    // By a connection of its own.
    expect((await node.machine.ssh("true")).status).toBe(0);
    await node.kubectl("delete", "service", "outside", "not-ssh");
    await eventually(async () => {
      expect(await node.node(`curl -sS -m 2 -o /dev/null http://${ip}:8080 || echo refused`)).toContain("refused");
    });
  });

  it("shows its log, and runs commands", async () => {
    expect(await node.kubectl("logs", "web")).toBe("started\n");
    expect(await node.kubectl("exec", "web", "--", "cat", "/www/index.html")).toBe("served\n");
  });

  it("answers through a forwarded port", async () => {
    await forwardPort(
      (args) => spawnKubectl(args),
      "pod/web",
      80,
      async (port) => {
        expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("served\n");
      },
    );
  });

  it("resolves and reaches services by name", async () => {
    await node.kubectl(
      "-n",
      "kube-system",
      "wait",
      "--for=condition=Available",
      "deployment/coredns",
      "--timeout=120s",
    );
    const lookup = await node.kubectl("exec", "web", "--", "nslookup", "kubernetes.default.svc.cluster.local");
    expect(lookup).toContain("Address: 10.43.0.1");
    expect(await node.kubectl("exec", "web", "--", "wget", "-qO-", "http://web")).toBe("served\n");
  });

  it("keeps running when its config restarts k3s, which starts with that config", async () => {
    const pid = await node.node(k3sPid);
    const before = await podIdentity();
    await node.writeLayer("99-restart.yaml", "k3os: { environment: { TEST_VARIABLE: other } }\n");
    expect(await node.node("sudo k3os apply")).toMatch(/^restart k3s, /m);
    await eventually(async () => expect(await node.node(k3sPid)).toMatch(/^\d+\n$/));
    expect(await node.node(k3sPid)).not.toBe(pid);
    expect(await node.node(`sudo cat /proc/$(${k3sPid})/environ | tr '\\0' '\\n' | grep ^TEST_`)).toBe(
      "TEST_VARIABLE=other\n",
    );
    expect(await node.node("sudo k3os config --plan")).toBe("# nothing\n");
    await eventually(async () => expect(await podIdentity()).toEqual(before));
  });

  it("keeps running when k3s is killed, which comes back", async () => {
    const pid = await node.node(k3sPid);
    const before = await podIdentity();
    await node.node(`sudo kill -KILL ${pid.trim()}`);
    await eventually(async () => expect(await node.node(k3sPid)).not.toBe(pid));
    expect(await node.node("pidof httpd | wc -w")).toBe("1\n");
    await eventually(() => node.kubectl("wait", "--for=condition=Ready", `node/${name}`, "--timeout=1s"));
    await eventually(async () =>
      expect(await node.kubectl("exec", "web", "--", "cat", "/www/index.html")).toBe("served\n"),
    );
    expect(await podIdentity()).toEqual(before);
  });

  it("runs from an image of a mirror that asks for a password", async () => {
    const container = {
      name: "one",
      image: "example.org/toolbox:1",
      imagePullPolicy: "Always",
      command: ["sleep", "1d"],
    };
    const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
    await node.apply({ apiVersion: "v1", kind: "Pod", metadata: { name: "pulled" }, spec });
    await node.kubectl("wait", "--for=condition=Ready", "pod/pulled", "--timeout=120s");
    expect(registry.requests).toContainEqual(expect.stringMatching(/^200 \/v2\/toolbox\/manifests\/1/));
    await node.kubectl("delete", "pod", "pulled", "--wait=false");
  });

  it("comes from a manifest in server/manifests, and goes with it", async () => {
    const path = "/var/lib/rancher/k3s/server/manifests/test.yaml";
    const manifest = "apiVersion: v1\\nkind: ConfigMap\\nmetadata: { name: from-file, namespace: default }\\n";
    await node.node(`printf '${manifest}' | sudo tee ${path} >/dev/null`);
    await eventually(() => node.kubectl("get", "configmap", "from-file"));
    await node.node(`sudo rm ${path}`);
    await eventually(async () => {
      expect(await node.kubectl("get", "configmap", "from-file", "--ignore-not-found", "-o", "name")).toBe("");
    });
  });

  function spawnKubectl(args: readonly string[]) {
    const kubeconfig = node.machine.paths.kubeconfig;
    const program = node.machine.record.k3s ?? "k3s";
    return spawn(program, ["kubectl", "--kubeconfig", kubeconfig, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  }

  async function podIdentity() {
    const { metadata, status } = JSON.parse(await node.kubectl("get", "pod", "web", "-o", "json"));
    return {
      uid: metadata.uid,
      container: status.containerStatuses[0].containerID,
      restarts: status.containerStatuses[0].restartCount,
    };
  }
});

describe("Kubernetes' own conformance suite", { timeout: 900_000 }, () => {
  let suite: Suite;
  beforeAll(async () => {
    suite = await builtSuite();
    await loadSuite(node.machine, suite);
  }, 2_700_000); // compiled once, which takes minutes

  it("finds nothing wrong with services, endpoints and names", async ({ signal }) => {
    const specs = [
      "[sig-network] DNS should provide DNS for pods for Subdomain",
      "[sig-network] EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service",
      "[sig-network] Services should have session affinity work for service with type clusterIP",
    ];
    expect(await failedSpecs(node.machine, suite, specs, signal)).toEqual({});
  });

  it("finds nothing wrong with volumes", async ({ signal }) => {
    const specs = [
      "[sig-storage] EmptyDir volumes pod should support shared volumes between containers",
      "[sig-storage] Projected combined should project all components that make up the projection API",
      "[sig-storage] Subpath Atomic writer volumes should support subpaths with projected pod",
    ];
    expect(await failedSpecs(node.machine, suite, specs, signal)).toEqual({});
  });
});

describe("a machine that runs", () => {
  it("is not started a second time", async () => {
    const { status, stderr } = await node.k3os(["up", "--name", name]);
    expect(status).toBe(1);
    expect(stderr).toContain(`A machine named "${name}" is already running.`);
  });

  it("takes commands and files over ssh", async () => {
    expect(await node.k3os(["ssh", "--name", name, "--", "sudo", "id", "-u"])).toMatchObject({
      status: 0,
      stdout: "0\n",
    });
    expect((await node.k3os(["ssh", "--name", name, "--", "exit", "7"])).status).toBe(7);
  });

  it("powers itself off, and leaves nothing in the journals of its volumes, though a pod writes", async () => {
    expect(await node.kubectl("get", "pod", "writer", "-o", "jsonpath={.status.phase}")).toBe("Running");
    const { status } = await node.k3os(["down", "--name", name]);
    expect(status).toBe(0);
    expect(node.machine.state).toBe("stopped");
    expect(node.machine.serial.text()).toContain("reboot: Power down");
    for (const { file } of disks) {
      const superblock = await tool("dumpe2fs", "-h", file);
      expect(superblock).toMatch(/^Filesystem state: +clean$/m);
      expect(superblock).not.toContain("needs_recovery");
    }
    expect(node.machine.serial.text()).not.toMatch(/target is busy|not unmounted/);
  });
});
