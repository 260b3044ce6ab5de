import { expect, it } from "vitest";
import { type MemoryHost, memoryHost } from "../../host/memory.ts";
import { metadataService } from "../sources/clouds.cases.ts";
import { fakeCurl } from "../sources/testing.ts";
import { catchPrinted } from "../testing.ts";
import { main } from "./main.ts";

const said = catchPrinted();

function machine(uid = 0): MemoryHost {
  const host: MemoryHost = memoryHost({
    files: {
      "/proc/cmdline": "k3os.data_sources=gcp k3os.data_sources=cdrom",
      "/proc/self/status": `Name:\tqjs\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`,
    },
    programs: { blkid: () => ({ status: 2 }), curl: fakeCurl(() => host, metadataService()) },
  });
  return host;
}

it("asks the sources of the configuration, and changes nothing", async () => {
  const host = machine();
  expect(await main(host, ["sources"])).toBe(0);
  expect(said.join("\n")).toMatch(
    /^gcp +userdata \(46 bytes\), local_hostname \(31 bytes\), ssh\/authorized_keys \(\d+ bytes\)\ncdrom +does not answer$/,
  );
  expect(host.stat("/run/config")).toBeUndefined();
});

it("asks one that is named, and tells scripts", async () => {
  expect(await main(machine(), ["sources", "--json", "--only", "hetzner"])).toBe(0);
  expect(JSON.parse(said[0] ?? "")).toMatchObject({ sources: [{ source: "hetzner", answers: true }] });
  expect(await main(machine(), ["sources", "--only=cdrom"])).toBe(1);
});

it("is for root, and for sources that there are", async () => {
  const host = machine(1000);
  expect(await main(host, ["sources"])).toBe(2);
  expect(host.warned.join("")).toContain("sudo");
  const other = machine();
  expect(await main(other, ["sources", "--only", "ec2"])).toBe(2);
  expect(other.warned.join("")).toContain("Known: cdrom, file=/PATH, aws,");
});
