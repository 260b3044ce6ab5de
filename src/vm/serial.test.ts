import { appendFileSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { LogReader, lastLines, plain, Serial } from "./serial.ts";

const dir = mkdtempSync(join(tmpdir(), "k3os-serial-"));
afterAll(() => rmSync(dir, { recursive: true }));

it("strips what only a terminal understands", () => {
  expect(plain("\x1b[2J\x1b[=3h\x1b[1;32mok\x1b[0m\r\n\x1b]0;title\x07a\tb\x00")).toBe("ok\na\tb");
});

it("gives what a menu places a line of its own", () => {
  expect(plain("\x1b[01;01Hfirst\x1b[05;03H \x1b[06;03H second\n")).toBe("\nfirst\nsecond\n");
});

it("gives the last lines that say something", () => {
  expect(lastLines("1\n2\r\n\n3 \n\n", 2)).toBe("2\n3");
});

describe("LogReader", () => {
  it("gives each byte once, and no half characters", () => {
    const path = join(dir, "log");
    const reader = new LogReader(path);
    expect(reader.next()).toBe("");
    const [first, second] = [Buffer.from("aé").subarray(0, 2), Buffer.from("aé").subarray(2)];
    writeFileSync(path, first);
    expect(reader.next()).toBe("a");
    appendFileSync(path, second);
    expect(reader.next()).toBe("é");
    expect(reader.next()).toBe("");
  });

  it("begins anew when the machine was powered on again", () => {
    const path = join(dir, "again");
    const reader = new LogReader(path);
    writeFileSync(path, "the first boot");
    reader.next();
    writeFileSync(path, "second");
    expect(reader.next()).toBe("second");
  });
});

describe("Serial", () => {
  it("goes on behind the match before, and types", async () => {
    // A path that is too long for the address of a Unix socket.
    const deep = mkdtempSync(join(dir, "d".repeat(110)));
    const log = join(deep, "serial.log");
    writeFileSync(log, "login: ");
    const typed: string[] = [];
    const server = createServer((socket) => {
      socket.setEncoding("utf8").on("data", (text: string) => {
        typed.push(text);
        if (text.endsWith("\n")) appendFileSync(log, "\nlogin: welcome");
      });
    });
    await new Promise<void>((resolve) => server.listen(`/proc/self/fd/${openSync(deep, "r")}/serial.sock`, resolve));
    const serial = new Serial(log, join(deep, "serial.sock"));
    await serial.expect(/login: /);
    await serial.send("me\n");
    await serial.expect(/login: /, { timeoutMs: 2000 });
    expect(typed.join("")).toBe("me\n");
    await expect(serial.expect("Password:", { timeoutMs: 10 })).rejects.toThrow(
      /did not print \/Password:\/ within 0 s/,
    );
    server.close();
  });

  it("says so when nobody reads what it types any more", async () => {
    const path = join(dir, "gone.sock");
    const server = createServer((socket) => socket.on("error", () => {}).destroy());
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await expect(new Serial(join(dir, "none"), path).send("hello\n")).rejects.toThrow("hung up");
    server.close();
  });
});
