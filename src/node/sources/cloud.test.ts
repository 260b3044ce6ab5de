import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { CLOUD_NAMES } from "../../config/clouds.ts";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { remember } from "./cache.ts";
import { readCloud, readCloudVolume, reportToCloud } from "./cloud.ts";
import { type Answer, type Asked, expected, KEY, metadataService, USERDATA } from "./clouds.cases.ts";
import { fakeCurl, texts } from "./testing.ts";

function machine(answer: (asked: Asked) => Answer | undefined, now = Date.UTC(2026, 0)): MemoryHost {
  const host: MemoryHost = memoryHost({
    now,
    programs: { blkid: () => ({ status: 2 }), curl: fakeCurl(() => host, answer) },
  });
  return host;
}

describe("a cloud's metadata service", () => {
  it.each(CLOUD_NAMES)("%s", async (name) => {
    const host = machine(metadataService());
    expect(texts(await readCloud(host, name))).toEqual({
      userdata: USERDATA,
      "ssh/authorized_keys": `${KEY}\n`,
      ...expected[name],
    });
    expect(host.list("/run/k3os")).toEqual([]);
  });

  it.each(CLOUD_NAMES)("%s is not there when nobody answers, or somebody else", async (name) => {
    expect(
      await readCloud(
        machine(() => undefined),
        name,
      ),
    ).toBeUndefined();
    const elsewhere = machine(() => ({ status: 404, body: "<html>" }));
    expect(await readCloud(elsewhere, name)).toBeUndefined();
    const portal = machine(() => ({ status: 200, body: "<html>log in" }));
    expect(await readCloud(portal, name)).toBeUndefined();
  });

  it("may have no user data and no keys", async () => {
    const service = metadataService();
    const host = machine((asked) =>
      /user-data|keys/.test(asked.url.pathname) ? { status: 404, body: "" } : service(asked),
    );
    expect(texts(await readCloud(host, "aws"))).toEqual(expected.aws);
  });

  it("aws: is asked without a session where it knows of none", async () => {
    const service = metadataService();
    const old = machine(({ method, url, headers }) => {
      if (url.pathname === "/latest/api/token") return { status: 405, body: "" };
      expect(headers["x-aws-ec2-metadata-token"]).toBeUndefined();
      return service({ method, url, headers: { ...headers, "x-aws-ec2-metadata-token": "t0ken" } });
    });
    expect(texts(await readCloud(old, "aws"))).toMatchObject({ userdata: USERDATA });
  });

  it("openstack: may be a volume instead", async () => {
    const service = metadataService();
    const host = memoryHost({
      programs: {
        blkid: (argv) => (argv.at(-1) === "config-2" ? { stdout: "/dev/vdb\n" } : { status: 2 }),
        mount: () => ({}),
        umount: () => ({}),
      },
    });
    host.mkdir("/run/k3os/cidata/openstack/latest");
    for (const name of ["meta_data.json", "user_data", "network_data.json"]) {
      const url = new URL(`http://x/openstack/latest/${name}`);
      host.write(`/run/k3os/cidata/openstack/latest/${name}`, service({ method: "GET", url, headers: {} }).body);
    }
    const files = texts(await readCloudVolume(host, "openstack"));
    expect(files).toMatchObject({ userdata: USERDATA, ...expected.openstack });
    expect(await readCloudVolume(host, "aws")).toBeUndefined();
  });

  describe("azure", () => {
    const OVF = `<?xml version="1.0" encoding="utf-8"?>
<ns0:Environment xmlns:ns0="http://schemas.dmtf.org/ovf/environment/1" xmlns:ns1="http://schemas.microsoft.com/windowsazure">
  <ns1:ProvisioningSection>
    <ns1:Version>1.0</ns1:Version>
    <ns1:LinuxProvisioningConfigurationSet xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
      <ns1:ConfigurationSetType>LinuxProvisioningConfiguration</ns1:ConfigurationSetType>
      <ns1:HostName>vm-disc</ns1:HostName>
      <ns1:UserName>azure&amp;user</ns1:UserName>
      <ns1:UserPassword xmlns:x="" />
      <ns1:CustomData>${Buffer.from("hostname: custom\n").toString("base64")}</ns1:CustomData>
      <ns1:SSH><ns1:PublicKeys><ns1:PublicKey>
        <ns1:Fingerprint>EB0C</ns1:Fingerprint><ns1:Path>/home/a/.ssh/authorized_keys</ns1:Path><ns1:Value>${KEY} of&amp;disc</ns1:Value>
      </ns1:PublicKey></ns1:PublicKeys></ns1:SSH>
    </ns1:LinuxProvisioningConfigurationSet>
  </ns1:ProvisioningSection>
</ns0:Environment>`;

    /** A machine with Azure's disc, as long as `text` is given. */
    function withDisc(text: string | undefined, answer: (asked: Asked) => Answer | undefined): MemoryHost {
      const host: MemoryHost = memoryHost({
        programs: {
          curl: fakeCurl(() => host, answer),
          blkid: (argv) =>
            argv.at(-1) === "TYPE=udf" && text !== undefined ? { stdout: "/dev/sr0\n" } : { status: 2 },
          mount: () => ({}),
          umount: () => ({}),
        },
      });
      host.mkdir("/run/k3os/cidata");
      if (text !== undefined) host.write("/run/k3os/cidata/ovf-env.xml", text);
      return host;
    }
    const withoutUserData = (asked: Asked): Answer => {
      const answer = metadataService()(asked);
      return asked.url.pathname.endsWith("/compute")
        ? { ...answer, body: JSON.stringify({ ...JSON.parse(String(answer.body)), userData: "" }) }
        : answer;
    };

    it("has custom data on a disc, which goes before user data", async () => {
      expect(texts(await readCloud(withDisc(OVF, metadataService()), "azure"))).toEqual({
        userdata: "hostname: custom\n",
        "ssh/authorized_keys": `${KEY}\n`,
        local_hostname: "vm-azure\n",
      });
    });

    it("may have nothing but the disc", async () => {
      expect(
        texts(
          await readCloud(
            withDisc(OVF, () => undefined),
            "azure",
          ),
        ),
      ).toEqual({
        userdata: "hostname: custom\n",
        "ssh/authorized_keys": `${KEY} of&disc\n`,
        local_hostname: "vm-disc\n",
      });
    });

    it("takes the disc away after the first boot, and the custom data still counts", async () => {
      const host = withDisc(undefined, withoutUserData);
      host.mkdir("/var/lib/rancher/k3os");
      remember(host, "azure", { userdata: "hostname: custom\n" });
      expect(texts(await readCloud(host, "azure"))).toMatchObject({ userdata: "hostname: custom\n" });
      expect(texts(await readCloud(withDisc(undefined, metadataService()), "azure"))).toMatchObject({
        userdata: USERDATA,
      });
    });

    it("may have a disc of something else", async () => {
      expect(
        await readCloud(
          withDisc("<a/>", () => undefined),
          "azure",
        ),
      ).toBeUndefined();
    });
  });

  it("gcp: leaves the project's keys out where the instance says so", async () => {
    const attributes = { "block-project-ssh-keys": "TRUE", "ssh-keys": "" };
    const host = machine(({ url }) => {
      if (url.pathname.endsWith("/ssh-keys")) return { status: 200, body: `a:${KEY}` };
      return { status: 200, body: JSON.stringify({ hostname: "a", attributes }) };
    });
    expect(texts(await readCloud(host, "gcp"))).toEqual({ local_hostname: "a\n" });
  });

  it("cuts a name that is too long for a node", async () => {
    const hostname = `vm.${"x".repeat(70)}`;
    const host = machine(() => ({ status: 200, body: JSON.stringify({ hostname }) }));
    expect(texts(await readCloud(host, "packet"))).toMatchObject({ local_hostname: "vm\n" });
  });

  it("azure: hears that the machine is ready, and no other cloud does", async () => {
    const told: string[] = [];
    const host = machine(metadataService(KEY, told));
    for (const name of CLOUD_NAMES) await reportToCloud(host, name);
    expect(told).toHaveLength(1);
    expect(told[0]).toContain("<ContainerId>c0ffee</ContainerId>");
    expect(told[0]).toContain("<InstanceId>i-1.role</InstanceId><Health><State>Ready</State></Health>");
  });
});

describe("requests", () => {
  it("show no secret in the process list, and no proxy gets in between", async () => {
    const host = machine(metadataService());
    await readCloud(host, "aws");
    expect(host.ran.flat().join(" ")).not.toMatch(/t0ken|169\.254/);
    const inputs: unknown[] = [];
    const spy = memoryHost({
      programs: {
        curl: (_, options) => {
          inputs.push(options.input);
          return {};
        },
      },
    });
    await readCloud(spy, "scaleway");
    expect(inputs).toEqual([
      expect.stringMatching(/noproxy = "\*"\nconnect-timeout = 2\nmax-time = 5\n[\s\S]*local-port = "1-1023"/),
    ]);
  });
});

describe("packed user data", () => {
  const packed = gzipSync(USERDATA);
  const host = (): MemoryHost => {
    const made: MemoryHost = memoryHost({
      programs: {
        curl: fakeCurl(
          () => made,
          ({ url }) => ({
            status: 200,
            body: url.pathname === "/userdata" ? body : JSON.stringify({ hostname: "a" }),
          }),
        ),
        sh: (argv, { input }) => {
          if (Buffer.compare(Buffer.from(input ?? ""), packed) !== 0) return { status: 1 };
          made.write(argv[3] ?? "", USERDATA);
          return {};
        },
      },
    });
    return made;
  };
  let body: string | Uint8Array = "";

  it.each([
    ["gzip", packed, USERDATA],
    ["base64", Buffer.from(USERDATA).toString("base64"), USERDATA],
    ["base64 of gzip, in lines", `${packed.toString("base64").replace(/(.{40})/g, "$1\n")}\n`, USERDATA],
    ["a word that is no base64 of anything", "hostname", Buffer.from("hostname", "base64").toString()],
    ["plain text", USERDATA, USERDATA],
  ])("%s", async (_, sent, wanted) => {
    body = sent;
    expect(texts(await readCloud(host(), "packet"))?.userdata).toBe(wanted);
  });

  it("that is broken stays as it is, for the layer to complain about", async () => {
    body = packed.subarray(0, 20);
    const files = await readCloud(host(), "packet");
    expect(Buffer.from(files?.userdata ?? "")).toEqual(packed.subarray(0, 20));
  });
});
