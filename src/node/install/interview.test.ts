import { describe, expect, it } from "vitest";
import { Asker } from "../terminal/ask.ts";
import { memoryTerminal } from "../terminal/memory.ts";
import { configFrom } from "./answers.ts";
import { findCandidates } from "./candidates.ts";
import { interview } from "./interview.ts";
import { checkConfig } from "./node-config.ts";
import { QUESTIONS, type Situation } from "./questions.ts";
import { machineWith } from "./testing.ts";

const two = await findCandidates(machineWith({ vda: {}, vdb: {} }));

const situation = (more: Partial<Situation> = {}): Situation => ({
  settings: {},
  candidates: two,
  canInstall: true,
  wifi: false,
  config: {},
  fetchConfig: async (place) => checkConfig(place === "/good" ? "hostname: a\n" : "hostname: [1]\n", place),
  ...more,
});

const talk = async (typed: readonly string[], more?: Partial<Situation>) => {
  const terminal = memoryTerminal(typed);
  const asker = new Asker(terminal);
  return { answers: await interview(QUESTIONS, situation(more), (question) => asker.ask(question)), terminal };
};

describe("the questions of the installer", () => {
  it("come in old k3OS's order", async () => {
    const typed = [
      "\r",
      "2\r",
      "n",
      "\r",
      "geheim\r",
      "geheim\r",
      "home\r",
      "secret-home\r",
      "guests\r",
      "\r",
      "\r",
      "2\r",
      "https://a:6443\r",
      "t0ken\r",
    ];
    const { answers, terminal } = await talk(typed, { wifi: true });
    expect(answers).toEqual({
      action: "install",
      device: "/dev/vdb",
      fromFile: false,
      keys: "",
      password: "geheim",
      passwordAgain: "geheim",
      wifi: [{ name: "home", passphrase: "secret-home" }, { name: "guests" }],
      wifiName: "",
      role: "agent",
      serverUrl: "https://a:6443",
      token: "t0ken",
    });
    for (const secret of ["geheim", "secret-home", "t0ken"]) expect(terminal.written).not.toContain(secret);
  });

  it("skip the disk when there is only one, and the password when there is a key", async () => {
    const only = await findCandidates(machineWith({ vda: {} }));
    const { answers } = await talk(["\r", "n", "octocat, gitlab:fox\r", "\r", "\r"], { candidates: only });
    expect(answers).toEqual({
      action: "install",
      fromFile: false,
      keys: "octocat, gitlab:fox",
      role: "server",
      token: "",
    });
    expect(configFrom(answers)).toEqual({ ssh_authorized_keys: ["github:octocat", "gitlab:fox"], k3os: {} });
  });

  it("let nobody destroy a part of something larger by mistake: no is to choose again", async () => {
    const parts = await findCandidates(
      machineWith(
        { vda: {}, vdb: {} },
        { programs: { blkid: () => ({ stdout: "DEVNAME=/dev/vdb\nTYPE=zfs_member\n" }) } },
      ),
    );
    const file = ["y", "/good\r"];
    const { answers, terminal } = await talk(["\r", "2\r", "\r", "2\r", "y", ...file], { candidates: parts });
    expect(answers).toMatchObject({ device: "/dev/vdb", force: true });
    expect(terminal.written).toContain("/dev/vdb belongs to a ZFS pool, which is lost");
    expect((await talk(["\r", "2\r", "n", "1\r", ...file], { candidates: parts })).answers).toEqual({
      ...{ action: "install", device: "/dev/vda", fromFile: true, configPlace: "/good" },
    });
    const settings = { device: "/dev/vdb", config_url: "/good" };
    await expect(talk(["n"], { candidates: parts, settings })).rejects.toThrow("nothing was changed");
    expect((await talk([], { candidates: parts, settings: { ...settings, force: true } })).answers).toEqual({});
  });

  it("skip everything about the node when there is a config, which is checked at once", async () => {
    const { answers, terminal } = await talk(["\r", "\r", "y", "/bad\r", "\x15/good\r"]);
    expect(answers).toEqual({ action: "install", device: "/dev/vda", fromFile: true, configPlace: "/good" });
    expect(terminal.written).toContain("/bad:1:11 hostname: expected a string, got a list");
  });

  it("are not asked when the settings say it", async () => {
    const { answers } = await talk([], { settings: { device: "only", config_url: "/good" } });
    expect(answers).toEqual({});
  });

  it("ask again what is wrong, with what is expected", async () => {
    const { answers, terminal } = await talk([
      ...[
        "\r",
        "\r",
        "n",
        "github: x\r",
        "\x15\r",
        "\r",
        "pw\r",
        "other\r",
        "\x15pw\r",
        "2\r",
        "10.0.0.1\r",
        "\x15https://a:6443\r",
        "\r",
        "t\r",
      ],
    ]);
    expect(answers).toMatchObject({ password: "pw", serverUrl: "https://a:6443", token: "t" });
    for (const text of [
      "no space after the colon",
      "nobody could log in",
      "not the same",
      "expected the URL of a server",
      "needs the token",
    ]) {
      expect(terminal.written).toContain(text);
    }
  });

  it("go back one by one, and forget what was answered after", async () => {
    const { answers } = await talk(["\r", "\r", "n", "octocat\r", "2\r", "\x1b", "\r", "", "\r"], {});
    expect(answers).toMatchObject({ keys: "octocat", role: "server" });
    expect(answers).not.toHaveProperty("serverUrl");
  });
});
