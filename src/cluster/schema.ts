/** Every key of cluster.yaml, in the vocabulary of config.yaml's schema. */

import { type Check, type Infer, list, struct, text } from "../config/kinds.ts";
import { schema as config } from "../config/schema.ts";
import { isIp, like, token } from "../config/values.ts";
import { K3osError } from "../errors.ts";
import { parseDiskSize, parseMemory } from "../vm/size.ts";

const name = like(
  /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  "a name",
  "up to 63 lower-case letters, digits and hyphens; the first and last one no hyphen",
);

const address: Check = (value) =>
  isIp(value) || (/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(value) && !/^[\d.]+$/.test(value))
    ? undefined
    : { expected: "an IP address or a host name", hint: "such as 192.168.1.11, without the length of a prefix" };

/** A size as the option of `up` takes it. */
const size =
  (parse: (value: string) => number, expected: string, hint: string): Check =>
  (value) => {
    try {
      parse(value);
      return undefined;
    } catch (error) {
      if (error instanceof K3osError) return { expected, hint };
      throw error;
    }
  };

const path = like(/^\S(.*\S)?$/, "a path");

const image = struct(
  {
    spec: text({
      about: "The image.yaml that says what goes in, instead of os/image.yaml.",
      check: path,
      example: "./image.yaml",
    }),
    flavour: text({
      about: "For which machines: cloud, metal, rpi or one of the spec, as `--flavour` of `./k3os build`.",
      check: path,
      example: "metal",
    }),
    lock: text({ about: "Build from exactly the packages of that lock.", check: path, example: "./lock.json" }),
  },
  { about: "What `./k3os build` makes the image of. Paths are relative to this file." },
);

const vm = struct(
  {
    memory: text({
      about: "Its memory; 2G if not given.",
      check: size(parseMemory, "an amount of memory, 512M or more", "such as 2G, 1536M or 2048 (MiB)"),
      example: "2G",
    }),
    cpus: text({
      about: "Its processors; 2 if the workstation has them.",
      check: like(/^([1-9]|[1-5]\d|6[0-4])$/, "a whole number from 1 to 64"),
      example: "2",
    }),
    disk: text({
      about: "A disk that it boots from and keeps; in memory if not given.",
      check: size(parseDiskSize, "the size of a disk, 2G or more", "such as 20G or 20480M"),
      example: "20G",
    }),
  },
  { about: "The virtual machine of `./k3os up`." },
);

const node = struct(
  {
    name: text({ about: "Its host name, and its name in Kubernetes.", check: name, example: "cp-1" }),
    role: text({
      about: "`server` or `agent`. The first server begins the cluster, the others join it.",
      check: like(/^(server|agent)$/, "`server` or `agent`"),
      example: "server",
    }),
    address: text({
      about:
        "Where the other nodes reach a server: an IP address or a host name, which it gets by DHCP or `k3os.network`. " +
        "The machines of `./k3os up` have addresses of their own.",
      check: address,
      example: "192.168.1.11",
    }),
    config: {
      ...config,
      about: "This node's own config.yaml. It is merged by key into the one of all nodes.",
      isLayer: true,
    },
    vm,
  },
  { needed: ["name", "role"] },
);

export const schema = struct(
  {
    name: text({
      about: "The name of the cluster. Machines and media are called `<cluster>-<node>`.",
      check: name,
      example: "home",
    }),
    token: text({
      about:
        "The secret that nodes join with. Without it, one is made once and kept beside this file, in `<file>.token`.",
      check: token,
      example: "a-long-secret",
      secret: true,
    }),
    image,
    config: {
      ...config,
      about:
        "The config.yaml of all nodes, with all its keys. Of `k3os`, `k3s_args` are for servers alone, and `manifests` for the first one.",
      isLayer: true,
    },
    nodes: list(node, {
      about: "The nodes, at least one server. An odd number of servers outlives the loss of a minority of them.",
      unique: "name",
      example: "[{ name: cp-1, role: server }]",
    }),
    manifests: list(
      text({
        check: like(
          /^\S(.*\S)?\.(ya?ml|json)$/,
          "the path of a manifest",
          "it ends in .yaml, .yml or .json; `*` stands for anything",
        ),
      }),
      {
        about:
          "Files of Kubernetes objects that the first server starts with, such as MachinePools. Paths are relative to this file.",
        example: "[manifests/*.yaml]",
      },
    ),
  },
  { about: "A cluster.", needed: ["name", "nodes"] },
);

export type ClusterYaml = Infer<typeof schema>;
