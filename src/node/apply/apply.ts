import { describe, type Phase, type RenderedFile, render, type Step } from "../../config/index.ts";
import { K3osError } from "../../errors.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/run.ts";
import { doAll, type Failure, reasonOf } from "../failure.ts";
import { sysctlPath } from "../sysctl.ts";
import { makeAccount, removeAccount } from "./accounts.ts";
import { fetchText } from "./fetch.ts";
import { fetchKeys, prepareLogin } from "./keys.ts";
import { seedManifest } from "./manifests.ts";
import { mountVolume } from "./mounts.ts";
import { noteApplied } from "./observe.ts";
import { setTimezone } from "./timezone.ts";
import { setPasswordHash } from "./users.ts";
import { originalText, restore, writeNoted } from "./written.ts";

/**
 * Applies the steps of one phase in their order and returns those that failed. One failure does not keep the next step from
 * being applied, except in a list of commands, which ends at its first failure.
 */
export async function applySteps(host: Host, steps: readonly Step[], phase: Phase): Promise<Failure[]> {
  const failures: Failure[] = [];
  const stopped = new Set<string>();
  for (const step of steps) {
    if (step.phase !== phase || (step.kind === "command" && stopped.has(step.list))) continue;
    const fail = (error: unknown) => failures.push({ step: describe(step), reason: reasonOf(error) });
    try {
      await applyStep(host, step);
    } catch (error) {
      if (step.kind === "command") stopped.add(step.list);
      fail(error);
      continue;
    }
    try {
      noteApplied(host, step);
    } catch (error) {
      fail(error);
    }
  }
  return failures;
}

async function applyStep(host: Host, step: Step): Promise<void> {
  switch (step.kind) {
    case "module":
      await run(host, ["modprobe", step.name, ...step.parameters]);
      return;
    case "sysctl":
      return setSysctl(host, step.key, step.value);
    case "hostname":
      return setHostname(host, step.name);
    case "password":
      return setPasswordHash(host, step.user, step.hashed ? step.password : await hash(host, step.password));
    case "authorized-keys":
      // A key lets its owner in even where the home could not be made.
      return doAll([() => prepareLogin(host, step.user), () => writeRendered(host, step)]);
    case "remote-keys":
      return fetchKeys(host, step, () => writeRendered(host, withFetched(step)));
    case "timezone":
      return setTimezone(host, step.zone);
    case "network":
      return (await import("../network/configure.ts")).configureNetwork(host, step.network);
    case "no-network":
      return (await import("../network/configure.ts")).resetNetwork(host);
    case "restart-k3s":
      await run(host, ["rc-service", "--quiet", "k3s", "restart"]);
      return;
    case "mount":
      return mountVolume(host, step);
    case "account":
      return makeAccount(host, step.user, step);
    case "no-account":
      return removeAccount(host, step.user);
    case "manifest":
      return seedManifest(host, step, step.content);
    case "remote-manifest":
      return seedManifest(host, step, await fetchText(host, step.url));
    case "restore":
      return restore(host, step.path);
    case "command":
      return runCommand(host, step.command);
    case "file":
      if (step.encoding === "gzip") return writeUnpacked(host, step);
  }
  if (step.kind === "wifi") return (await import("../network/wifi.ts")).joinWifi(host, () => writeRendered(host, step));
  writeRendered(host, step);
}

/** The step that writes keys which were fetched, beside those that were known before. */
function withFetched({ phase, user, keys, sources }: Step & { kind: "remote-keys" }): Step {
  return { phase, kind: "authorized-keys", user, keys, urls: sources.map(({ url }) => url) };
}

function writeRendered(host: Host, step: Step): void {
  for (const file of render(step, (path) => originalText(host, path)) ?? []) {
    if (step.kind === "file" || step.kind === "k3s") writeFile(host, file);
    else writeNoted(host, file.path, () => writeFile(host, file));
  }
}

/** SHA-512 as crypt(5) has it; the password goes through a pipe, where `ps` does not see it. */
async function hash(host: Host, password: string): Promise<string> {
  return (await run(host, ["mkpasswd", "-m", "sha512", "-P", "0"], { input: `${password}\n` })).trim();
}

function setSysctl(host: Host, key: string, value: string): void {
  const path = sysctlPath(key);
  if (host.stat(path) === undefined) throw new K3osError("config", `this kernel has no sysctl ${key}`);
  host.poke(path, value);
}

/** The kernel's name, the one that survives in /etc, and an address for programs that look themselves up. */
function setHostname(host: Host, name: string): void {
  host.poke("/proc/sys/kernel/hostname", name);
  host.write("/etc/hostname", `${name}\n`);
  const others = host
    .readText("/etc/hosts")
    .split("\n")
    .filter((line) => !line.startsWith("127.0.1.1"));
  host.write("/etc/hosts", `127.0.1.1 ${name}\n${others.join("\n")}`);
}

async function runCommand(host: Host, command: string): Promise<void> {
  const { status } = await host.exec(["sh", "-c", command], { inherit: true });
  if (status !== 0) throw new K3osError("config", `ended with status ${status}`);
}

function writeFile(host: Host, { path, content, mode, owner }: RenderedFile): void {
  host.mkdir(path.slice(0, path.lastIndexOf("/")) || "/");
  host.write(path, content, { mode });
  if (owner !== undefined) host.chown(path, owner);
}

async function writeUnpacked(host: Host, { path, content, mode, owner }: RenderedFile): Promise<void> {
  writeFile(host, { path: `${path}.gz.tmp`, content, mode: 0o600 });
  writeFile(host, { path: `${path}.tmp`, content: "", mode: 0o600 });
  await run(host, ["sh", "-c", 'gzip -dc <"$0.gz.tmp" >"$0.tmp"', path]);
  host.remove(`${path}.gz.tmp`);
  host.chmod(`${path}.tmp`, mode);
  if (owner !== undefined) host.chown(`${path}.tmp`, owner);
  host.rename(`${path}.tmp`, path);
}
