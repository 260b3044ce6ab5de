import { describe, expect, it } from "vitest";
import { memoryHost } from "../../host/memory.ts";
import { allowedSigners } from "../../image/signing.ts";
import { silent } from "../../progress.ts";
import { askedFor } from "../testing.ts";
import { openImage } from "./open.ts";

const json = (version = "1.0") =>
  JSON.stringify({
    format: 1,
    version,
    files: Object.fromEntries(
      ["vmlinuz", "initrd", "root.squashfs"].map((name) => [name, { sha256: `s-${name}`, size: 3 }]),
    ),
  });
const image = (at: string) => ({
  [`${at}/vmlinuz`]: "abc",
  [`${at}/initrd`]: "abc",
  [`${at}/root.squashfs`]: "abc",
  [`${at}/image.json`]: json(),
});

const sha256sum = ([, ...paths]: readonly string[]) => ({
  stdout: paths
    .map(
      (path) =>
        `s-${path
          .split("/")
          .at(-1)
          ?.replace(/[.]s-.*[.]part$/, "")}  ${path}\n`,
    )
    .join(""),
});

const options = { work: "/run/work", ifDamaged: "Fetch it again.", progress: silent };

describe("openImage", () => {
  it("fetches the files of an image directory", async () => {
    const served = image("http://a/b");
    const host = memoryHost({
      programs: {
        sha256sum,
        curl(argv, options) {
          host.write(argv[argv.indexOf("--output") + 1] ?? "", served[askedFor(options)] ?? "");
          return {};
        },
      },
    });
    expect(await openImage(host, "http://a/b/", options)).toMatchObject({
      directory: "/run/work/image",
    });
    expect(host.stat("/run/work")?.mode).toBe(0o700);
  });

  it("takes a link to a directory for one, as a medium has it", async () => {
    const host = memoryHost({ files: image("/medium/1.0"), programs: { sha256sum } });
    host.symlink("1.0", "/medium/current");
    expect(await openImage(host, "/medium/current", options)).toMatchObject({ directory: "/medium/current" });
  });

  const key = "ssh-ed25519 AAAA release";
  const trust = { signers: allowedSigners([key]), name: "image_key" };

  /** A server with these files, and a key whose valid signatures end in `good`. */
  const signed = (served: Record<string, string>) => {
    /** URLs that were fetched, and other programs that ran. */
    const order: string[] = [];
    const host = memoryHost({
      programs: {
        sha256sum,
        curl(argv, options) {
          const url = askedFor(options);
          order.push(url);
          const content = served[url];
          if (content === undefined) return { status: 22, stderr: "curl: (22) The requested URL returned error: 404" };
          host.write(argv[argv.indexOf("--output") + 1] ?? "", content);
          return {};
        },
        sh(argv) {
          order.push("sh");
          return host.readText(argv[argv.indexOf("-s") + 1] ?? "") === "good"
            ? { stdout: 'Good "k3os-image" signature for k3os-release with ED25519 key SHA256:xyz\n' }
            : { status: 255, stderr: "Signature verification failed: incorrect signature\n" };
        },
      },
    });
    return { host, order };
  };

  it("takes an image that is signed by the key, which it checks before it fetches the rest", async () => {
    const { host, order } = signed({ ...image("http://a/b"), "http://a/b/image.json.sig": "good" });
    expect(await openImage(host, "http://a/b", { ...options, trust })).toMatchObject({
      signer: "SHA256:xyz",
      digest: "sha256:s-image.json",
    });
    expect(order.slice(0, 4).map((one) => one.split("/").at(-1))).toEqual([
      "image.json.sig",
      "image.json",
      "sh",
      "vmlinuz",
    ]);
    expect(host.readText("/run/work/signers")).toContain(`k3os-release namespaces="k3os-image" ssh-ed25519 AAAA\n`);
  });

  it.each([
    [
      "of another key",
      { "http://a/b/image.json.sig": "bad" },
      "is not signed by a key that image_key allows: Signature verification failed",
    ],
    ["that is not there", {}, "there is no signature of http://a/b/image.json, which image_key asks for"],
  ])("refuses a signature %s before it fetches the rest", async (_, signature, want) => {
    const { host, order } = signed({ ...image("http://a/b"), ...signature });
    await expect(openImage(host, "http://a/b", { ...options, trust })).rejects.toThrow(want);
    expect(order).not.toContain("http://a/b/vmlinuz");
  });

  it("looks for the signature of an ISO beside it, and mounts nothing without", async () => {
    const host = memoryHost({ files: { "/media/k3os.iso": "" } });
    await expect(openImage(host, "/media/k3os.iso", { ...options, trust })).rejects.toMatchObject({
      message: "there is no signature of /media/k3os.iso, which image_key asks for",
      hint: "Whoever has the private key signs it with: ssh-keygen -Y sign -n k3os-image -f KEY k3os.iso",
    });
    expect(host.ran).toEqual([]);
  });

  it("fetches the signature of an ISO by URL first, with what stands behind the address", async () => {
    const { host, order } = signed({ "http://a/k3os.iso.sig?t=1": "bad", "http://a/k3os.iso?t=1": "" });
    const opened = openImage(host, "http://a/k3os.iso?t=1", { ...options, trust });
    await expect(opened).rejects.toThrow("http://a/k3os.iso?t=1 is not signed by a key that image_key allows");
    expect(order).toEqual(["http://a/k3os.iso.sig?t=1", "http://a/k3os.iso?t=1", "sh"]);
  });

  it("mounts an ISO, and refuses one that is none of ours", async () => {
    const host = memoryHost({
      files: { "/media/k3os.iso": "", "/media/other.iso": "" },
      programs: {
        sha256sum,
        modprobe: () => ({}),
        umount: () => ({}),
        mount: (argv) => {
          if (argv.at(-2) !== "/media/k3os.iso") return {};
          for (const [path, text] of Object.entries(image(`${argv.at(-1)}/k3os/system/current`))) {
            host.mkdir(path.slice(0, path.lastIndexOf("/")));
            host.write(path, text);
          }
          return {};
        },
      },
    });
    await expect(openImage(host, "/media/other.iso", options)).rejects.toThrow("is no medium of k3OS");
    expect((await openImage(host, "file:///media/k3os.iso", options)).directory).toMatch(/^\/run\/work\/iso\//);
  });

  it("names what cannot be fetched without its password", async () => {
    const host = memoryHost({
      programs: { curl: () => ({ status: 22, stderr: "curl: (22) The requested URL returned error: 404" }) },
    });
    const fetched = openImage(host, "https://me:secret@a/k3os.iso", options);
    await expect(fetched).rejects.toThrow(
      "https://(hidden)@a/k3os.iso cannot be fetched: The requested URL returned error: 404",
    );
  });

  const damages: [string, Record<string, string>, string][] = [
    ["a file that is too short", { vmlinuz: "a" }, "/i/vmlinuz is damaged: expected 3 bytes, got 1"],
    ["a description that leads elsewhere", { "image.json": json("../../etc") }, "does not describe an image"],
    ["a description that is none", { "image.json": "{" }, "does not describe an image"],
  ];
  for (const [what, files, want] of damages) {
    it(`refuses ${what}`, async () => {
      const changed = Object.fromEntries(Object.entries(files).map(([name, text]) => [`/i/${name}`, text]));
      const host = memoryHost({ files: { ...image("/i"), ...changed }, programs: { sha256sum } });
      await expect(openImage(host, "/i", options)).rejects.toThrow(want);
    });
  }

  it("refuses a file with another sum", async () => {
    const wrong = (argv: readonly string[]) => ({ stdout: sha256sum(argv).stdout.replace("s-initrd", "x") });
    const host = memoryHost({ files: image("/i"), programs: { sha256sum: wrong } });
    await expect(openImage(host, "/i", options)).rejects.toMatchObject({
      message: "/i/initrd is damaged: expected sha256 s-initrd, got x",
      hint: "Fetch it again.",
    });
  });
});
