import { fromUtf8, utf8 } from "../../config/bytes.ts";
import { isCloudName } from "../../config/clouds.ts";
import type { Host } from "../../host/host.ts";
import type { OnFailure } from "../failure.ts";
import { reportReady } from "./azure-ready.ts";
import { recall } from "./cache.ts";
import { CLOUDS, type Cloud, type Found } from "./clouds.ts";
import { fetchAll, type Request } from "./fetch.ts";
import type { SourceFiles } from "./source-files.ts";
import { unpack } from "./userdata.ts";
import { readVolume } from "./volume.ts";

type Bytes = Readonly<Record<string, Uint8Array | undefined>>;

/**
 * Asks a cloud's metadata service. `undefined` if nothing answers, or something else does. The file on a disc beside it
 * is read once `drivers` are loaded, and saved for boots without the disc.
 */
export async function readCloud(
  host: Host,
  name: string,
  drivers: Promise<unknown> = Promise.resolve(),
  onFailure?: OnFailure,
): Promise<SourceFiles | undefined> {
  const cloud = cloudOf(name);
  if (cloud === undefined) return undefined;
  const documents = await askService(host, cloud);
  if (cloud.disc === undefined) return documents && interpret(host, cloud, documents, onFailure);
  await drivers;
  const disc = await readVolume(host, [cloud.disc.tag], { disc: [cloud.disc.path] }, onFailure);
  if (disc?.disc !== undefined) {
    const hello = documents?.hello ?? utf8("{}");
    return interpret(host, cloud, { ...documents, hello, ...disc }, onFailure);
  }
  const files = documents && (await interpret(host, cloud, documents, onFailure));
  const earlier = files?.userdata === undefined ? recall(host, [name])?.files.userdata : undefined;
  return files && { ...files, ...(earlier !== undefined && { userdata: earlier }) };
}

/** Reads the same documents from the volume that some clouds attach; `undefined` if there is none. */
export async function readCloudVolume(
  host: Host,
  name: string,
  onFailure?: OnFailure,
): Promise<SourceFiles | undefined> {
  const cloud = cloudOf(name);
  if (cloud?.volume === undefined) return undefined;
  const { label, directory } = cloud.volume;
  const paths = Object.entries(cloud.documents).map(([document, path]) => [document, [directory + path]] as const);
  const documents = await readVolume(host, [`LABEL=${label}`], Object.fromEntries(paths), onFailure);
  return documents && interpret(host, cloud, documents, onFailure);
}

/** Reports to the cloud that the machine is up, if the cloud expects that. */
export async function reportToCloud(host: Host, name: string): Promise<void> {
  if (cloudOf(name)?.reportsReady) await reportReady(host);
}

function cloudOf(name: string): Cloud | undefined {
  return isCloudName(name) ? CLOUDS[name] : undefined;
}

async function askService(host: Host, cloud: Cloud): Promise<Bytes | undefined> {
  const { url, headers = [], privileged = false, token } = cloud;
  let key: readonly string[] = [];
  if (token !== undefined) {
    const request: Request = { url: url + token.path, method: "PUT", headers: token.headers };
    const { session } = await fetchAll(host, { session: request });
    if (session.status === 0) return undefined;
    if (session.status === 200) key = [`${token.header}: ${fromUtf8(session.body)?.trim()}`];
  }
  const requests = Object.entries(cloud.documents).map(
    ([name, path]) => [name, { url: url + path, headers: [...headers, ...key], privileged }] as const,
  );
  const responses = Object.entries(await fetchAll(host, Object.fromEntries(requests)));
  return Object.fromEntries(responses.map(([name, { status, body }]) => [name, status === 200 ? body : undefined]));
}

async function interpret(
  host: Host,
  cloud: Cloud,
  documents: Bytes,
  onFailure?: OnFailure,
): Promise<SourceFiles | undefined> {
  const hello = fromUtf8(documents.hello);
  if (hello === undefined) return undefined;
  const keys = fromUtf8(documents.keys);
  const network = fromUtf8(documents.network);
  const disc = fromUtf8(documents.disc);
  let found: Found;
  try {
    found = cloud.read(
      { hello, ...(keys && { keys }), ...(network && { network }), ...(disc && { disc }) },
      host.now(),
    );
  } catch {
    return undefined;
  }
  const userdata = found.userdata === undefined ? documents.userdata : utf8(found.userdata);
  const hostname = typeof found.hostname === "string" ? shortened(found.hostname) : undefined;
  const authorized = (found.keys ?? []).filter((key) => typeof key === "string");
  return {
    ...(userdata !== undefined && { userdata: await unpack(host, userdata, onFailure) }),
    ...(hostname && { local_hostname: `${hostname}\n` }),
    ...(authorized.length > 0 && { "ssh/authorized_keys": `${authorized.join("\n")}\n` }),
    ...(found.network !== undefined && { "network-config": JSON.stringify(found.network) }),
  };
}

/**
 * Cloud controllers know a node by the whole name. It is shortened only if it is too long for a host name or a label of
 * Kubernetes.
 */
function shortened(name: string): string {
  return name.length > 63 ? (name.split(".")[0] ?? name) : name;
}
