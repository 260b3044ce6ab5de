import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { durationBetween, secondsOf } from "../../config/duration.ts";
import type { Check } from "../../config/kinds.ts";
import { channel } from "../../config/schema/upgrading.ts";
import { K3osError } from "../../errors.ts";
import type { ArchitectureName } from "../../image/architecture.ts";
import { kindTitle, lastOfEachKind } from "../../image/fitting.ts";
import {
  imageName,
  imageTag,
  kindsForAllSinceLatest,
  kindsWithoutLatest,
  NOTES,
  VERSION,
} from "../../image/index-json.ts";
import { isReference } from "../../image/oci.ts";
import { signatureOf } from "../../image/signing.ts";
import { type Io, printJson, printLine } from "../io.ts";
import { archOption, examples, jsonOption } from "../options.ts";
import { withProgress } from "../progress/index.ts";
import { directoryTarget } from "../publishing/directory.ts";
import { publish } from "../publishing/publish.ts";
import { registryTarget } from "../publishing/registry.ts";
import { signerBy } from "../publishing/sign.ts";
import type { RevokedKeys } from "../publishing/target.ts";
import { upgraderFor } from "../publishing/upgrader.ts";

interface PublishCommandOptions {
  readonly channel: string;
  readonly key?: string;
  readonly channelKey?: string;
  readonly image?: string;
  readonly renew?: boolean;
  readonly expires: string;
  readonly notes?: string;
  readonly minFrom?: string;
  readonly revoked?: string;
  readonly arch?: ArchitectureName;
  readonly flavour?: string;
  readonly spec?: string;
  readonly json?: boolean;
}

export function publishCommand(io: Io): Command {
  const command = new Command("publish")
    .summary("publish an image for nodes to upgrade to")
    .description(
      "Signs an image and the index of a channel, and puts both where nodes look: into a directory for any web " +
        "server, or into a registry.",
    )
    .argument("<target>", "a directory, or oci://REGISTRY/REPOSITORY")
    .addOption(checked("--channel <name>", "the channel", channel).default("stable"))
    .option("--key <file>", "the private ssh key that signs; its certificate FILE-cert.pub is taken if there is one")
    .option("--channel-key <file>", "another key for the index")
    .option("--image <dir>", "an image that is built already (./k3os build --format dir)")
    .option("--renew", "publish no image: make the signatures anew, and have the index hold for longer")
    .addOption(
      checked("--expires <duration>", "how long nodes believe the index", durationBetween("1h", "3650d")).default("7d"),
    )
    .addOption(checked("--notes <text>", "what is new, for people: at most 2000 characters", notes))
    .addOption(checked("--min-from <version>", "the oldest version that may be replaced by this one", version))
    .option("--revoked <file>", "a list of revoked keys, with its signature FILE.sig beside it")
    .addOption(archOption())
    .option("--flavour <name>", "what is built: cloud or one of the spec, instead of metal")
    .option("--spec <file>", "what is built: the image.yaml that says what goes in, instead of os/image.yaml")
    .addOption(jsonOption())
    .action((target: string, options: PublishCommandOptions) => runPublish(target, options, io));
  return examples(
    command,
    ["./k3os publish www --key release", "build the image, and put it into www"],
    ["./k3os publish www --key release --image out", "one that is built already"],
    ["./k3os publish oci://registry.example.com/k3os --key release", "into a registry"],
    ["./k3os publish www --renew --channel-key channel", "once a day, so that the index does not expire"],
  );
}

// As nodes check the index, which they refuse as a whole.
const notes: Check = (text) =>
  text.length <= NOTES ? undefined : { expected: `at most ${NOTES} characters, got ${text.length}` };
const version: Check = (text) => (VERSION.test(text) ? undefined : { expected: "a version", hint: "such as 0.31.0" });

function checked(flags: string, description: string, check: Check): Option {
  return new Option(flags, description).argParser((text) => {
    const complaint = check(text);
    if (complaint === undefined) return text;
    throw new InvalidArgumentError(`Expected ${complaint.expected}${complaint.hint ? `, ${complaint.hint}` : ""}.`);
  });
}

async function runPublish(place: string, options: PublishCommandOptions, io: Io): Promise<void> {
  const { key, renew = false, json = false, channelKey = key } = options;
  if (channelKey === undefined || (key === undefined && !renew)) {
    throw new K3osError("usage", "Nothing says which key signs.", {
      hint: "--key FILE; `ssh-keygen -t ed25519 -f FILE` makes one. docs/upgrade.md says how to keep it safe.",
    });
  }
  if (renew && options.image !== undefined)
    throw new K3osError("usage", "--renew publishes no image: leave out --image.");
  const target = isReference(place) ? registryTarget(place, io) : directoryTarget(resolve(place));
  const now = Date.now() / 1000;
  const signImage = key === undefined ? undefined : await signerBy(key, ["image"], now);
  const signIndex = await signerBy(channelKey, ["channel"], now);
  const revoked = options.revoked === undefined ? undefined : readRevoked(options.revoked);
  await target.check();
  const image = renew ? undefined : (options.image ?? (await buildImage(options, io)));
  const isContainer = image !== undefined && target.isRegistry;
  const upgrader = isContainer ? await upgraderFor(image, json, io) : undefined;
  const index = await publish({
    ...{ target, channel: options.channel, signImage, signIndex, image, upgrader, revoked },
    ...{ now, expiresIn: secondsOf(options.expires) ?? 0 },
    ...{ notes: options.notes, minFrom: options.minFrom, show: (work) => withProgress(io, json, work) },
  });
  if (json) return printJson(io, { target: target.shown, ...index });
  const latest = lastOfEachKind(index.releases.filter(({ version }) => version === index.latest));
  const names = latest.map((release) => {
    const name = target.isRegistry ? imageTag(release) : imageName(release);
    return latest.length === 1 ? name : `${name} (${kindTitle(release)})`;
  });
  printLine(
    io,
    `${target.shown}: ${index.channel} ${index.version}, latest ${names.join(", ")}, until ${index.expires}`,
  );
  const without = image === undefined ? [] : kindsWithoutLatest(index);
  if (without.length > 0) {
    const what = `${index.channel} has no ${index.latest} for ${without.map(kindTitle).join(", ")} yet`;
    io.stderr.write(`k3os: ${what}, so that its nodes stay as they are: publish that, too\n`);
  }
  for (const { architecture, flavour } of image === undefined ? [] : kindsForAllSinceLatest(index)) {
    const what = `${flavour} is the only flavour that ${index.channel} has for ${architecture}`;
    const who = "so all nodes take it, also those of another one";
    io.stderr.write(`k3os: ${what}, ${who}: if there are such nodes, publish theirs, too, before they look\n`);
  }
  const left = revoked === undefined ? [] : await target.otherChannels(options.channel);
  if (left.length > 0) {
    const what = `nodes of ${left.join(", ")} wait for an index that names the new list of revoked keys`;
    io.stderr.write(`k3os: ${what}: renew it, too (--renew --channel NAME)\n`);
  }
}

async function buildImage(options: PublishCommandOptions, io: Io): Promise<string> {
  const { arch, flavour, spec, json = false } = options;
  const { buildMedium } = await import("../../build/index.ts");
  const built = await withProgress(io, json, (progress) =>
    buildMedium("dir", {
      ...{ progress, signal: io.signal },
      ...(arch !== undefined && { architecture: arch }),
      ...(flavour !== undefined && { flavour }),
      ...(spec !== undefined && { spec }),
    }),
  );
  return built.dir;
}

function readRevoked(path: string): RevokedKeys {
  try {
    return { list: readFileSync(path), signature: readFileSync(signatureOf(path)) };
  } catch (cause) {
    throw new K3osError("host", `${path} or its signature cannot be read.`, {
      hint: `The key that nodes trust signs it: ssh-keygen -Y sign -n k3os-revoked -f ROOT ${path}`,
      cause,
    });
  }
}
