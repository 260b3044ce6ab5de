import { Command } from "commander";
import { machineNames } from "../../vm/machine.ts";
import { commandFor, defaultName } from "../../vm/name.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { requireMachine } from "../machines.ts";
import { examples, jsonOption } from "../options.ts";
import { describe } from "./status.ts";

export function listCommand(io: Io): Command {
  const list = new Command("list")
    .alias("ls")
    .summary("list the machines")
    .description("Lists all machines, running or not.")
    .addOption(jsonOption())
    .action((options: { json?: boolean }) => runList(options, io));
  return examples(
    list,
    ["./k3os list", "a line for each"],
    ["./k3os list --json", "an array of what `status --json` prints"],
  );
}

async function runList(options: { json?: boolean }, io: Io): Promise<void> {
  const machines = await Promise.all(machineNames().map((name) => describe(requireMachine(name), io.signal)));
  if (options.json) return printJson(io, machines);
  if (machines.length === 0) return printLine(io, `There is no machine. Start one: ${commandFor("up", defaultName)}`);
  const rows = [
    ["NAME", "STATE", "NODE", "VERSION", "MEMORY", "SSH", "API"],
    ...machines.map((one) => [
      one.name,
      one.state,
      one.state !== "running" ? "-" : one.ready ? "Ready" : "not Ready",
      one.version ?? "-",
      `${one.memory_mib} MiB`,
      one.state === "running" ? String(one.ssh_port) : "-",
      one.state === "running" ? String(one.api_port) : "-",
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows)
    printLine(
      io,
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
}
