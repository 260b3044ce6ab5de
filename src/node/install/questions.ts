/** The installer's questions, in the order of old k3OS, as data. Pure, except that one check fetches a config. */
import type { Config } from "../../config/index.ts";
import { describeDisk } from "../devices/disks.ts";
import type { Question } from "../terminal/question.ts";
import { type Answers, complaintAbout, networksOf } from "./answers.ts";
import type { NodeConfig } from "./node-config.ts";
import { type Candidate, namedDisk, theOnlyDisk } from "./select.ts";
import type { Settings } from "./settings.ts";

/** What is known before the first question. */
export interface Situation {
  readonly settings: Settings;
  readonly candidates: readonly Candidate[];
  /** Whether there is an image to install. */
  readonly canInstall: boolean;
  /** Whether the machine has Wi-Fi hardware and the image can use it. */
  readonly wifi: boolean;
  /** The config of the running system. Questions that it answers are not asked. */
  readonly config: Config;
  /** Fetches and checks a config.yaml. Throws if something is wrong with it. */
  readonly fetchConfig: (place: string) => Promise<NodeConfig>;
}

export interface QuestionStep {
  readonly id: keyof Answers;
  /** The question; nothing if it need not be asked. */
  question(answers: Answers, situation: Situation): Question | undefined;
  /** "No" leads back to the previous question. */
  readonly noGoesBack?: boolean;
  /** The answers to go on with, and the question that is asked then instead of the following one. */
  goOn?(answers: Answers): { readonly answers: Answers; readonly next: keyof Answers };
}

export const QUESTIONS: readonly QuestionStep[] = [
  {
    id: "action",
    question: (_, { settings, canInstall }) =>
      settings.device !== undefined || settings.config_url !== undefined || settings.no_format === true
        ? undefined
        : {
            kind: "choice",
            title: "What do you want to do?",
            choices: [
              ...(canInstall ? [{ value: "install", label: "Install k3OS to a disk" }] : []),
              { value: "configure", label: "Configure this system as server or agent, without a disk" },
            ],
          },
  },
  {
    id: "device",
    question({ action }, { settings, candidates }) {
      const usable = candidates.filter(({ refusal }) => refusal === undefined);
      if (action === "configure" || settings.device !== undefined || usable.length < 2) return undefined;
      return {
        kind: "choice",
        title: "Which disk?",
        choices: usable.map(({ disk, memberOf }) => ({
          value: disk.path,
          label: `${disk.path}  ${describeDisk(disk)}${memberOf === undefined ? "" : `: ${memberOf}`}`,
        })),
      };
    },
  },
  {
    id: "force",
    noGoesBack: true,
    question({ action, device }, { settings, candidates }) {
      if (action === "configure" || settings.force === true) return undefined;
      const chosen = namedDisk(device ?? settings.device ?? theOnlyDisk(candidates), candidates);
      if (chosen?.memberOf === undefined) return undefined;
      return {
        kind: "confirm",
        title: `${chosen.memberOf}, which is lost if other disks do not make up for it. Use ${chosen.disk.path} all the same?`,
        initial: false,
      };
    },
  },
  {
    id: "fromFile",
    question: (_, { settings }) =>
      settings.config_url !== undefined || settings.no_format === true
        ? undefined
        : { kind: "confirm", title: "Is there a config.yaml for this node, as a file or at a URL?", initial: false },
  },
  {
    id: "configPlace",
    question: ({ fromFile }, { fetchConfig }) =>
      fromFile !== true
        ? undefined
        : {
            kind: "text",
            title: "Path or URL of the config.yaml",
            checking: "Fetching it ...",
            check: async (place) => {
              if (place.trim() === "") return "A path, such as /media/config.yaml, or a URL is needed.";
              return fetchConfig(place.trim()).then(
                () => undefined,
                (error: Error) => error.message,
              );
            },
          },
  },
  {
    id: "keys",
    question: ({ fromFile }, { settings }) =>
      asksForAnswers(fromFile, settings)
        ? {
            kind: "text",
            title: "Who may log in by ssh?",
            help: "GitHub users, gitlab:NAME or public keys, with commas between; empty: nobody.",
            check: (text) => complaintAbout({ keys: text }),
          }
        : undefined,
  },
  {
    id: "password",
    question: ({ fromFile, keys }, { settings, config }) =>
      asksForAnswers(fromFile, settings) && !keys?.trim() && (config.ssh_authorized_keys ?? []).length === 0
        ? {
            kind: "text",
            title: "Password of the user rancher, for the console",
            secret: true,
            check: (text) =>
              text === "" ? "Without a key or a password nobody could log in." : complaintAbout({ password: text }),
          }
        : undefined,
  },
  {
    id: "passwordAgain",
    question: ({ password }) =>
      password === undefined
        ? undefined
        : {
            kind: "text",
            title: "The same password again",
            secret: true,
            check: (text) => (text === password ? undefined : "The two are not the same. Esc goes back to the first."),
          },
  },
  {
    id: "wifiName",
    question: ({ fromFile, wifi: known }, { settings, wifi }) =>
      asksForAnswers(fromFile, settings) && wifi
        ? {
            kind: "text",
            title: known === undefined ? "Name of the Wi-Fi network" : "Name of another Wi-Fi network",
            help: known === undefined ? "Empty: no Wi-Fi." : "Empty: no more.",
            check: (text) => (text === "" ? undefined : complaintAbout({ wifiName: text })),
          }
        : undefined,
  },
  {
    id: "wifiPassphrase",
    question: ({ wifiName }) =>
      wifiName === undefined || wifiName === ""
        ? undefined
        : {
            kind: "text",
            title: `Passphrase of ${wifiName}`,
            help: "Empty: an open network.",
            secret: true,
            check: (text) => (text === "" ? undefined : complaintAbout({ wifiName, wifiPassphrase: text })),
          },
    goOn(answers) {
      const { wifiName, wifiPassphrase, ...others } = answers;
      return { answers: { ...others, wifi: networksOf(answers) }, next: "wifiName" };
    },
  },
  {
    id: "role",
    question: ({ fromFile }, { settings }) =>
      asksForAnswers(fromFile, settings)
        ? {
            kind: "choice",
            title: "What is this node?",
            choices: [
              { value: "server", label: "Server: a cluster of its own, which others may join" },
              { value: "agent", label: "Agent: joins a cluster" },
            ],
          }
        : undefined,
  },
  {
    id: "serverUrl",
    question: ({ role }) =>
      role === "agent"
        ? {
            kind: "text",
            title: "URL of the server",
            help: "such as https://10.0.0.1:6443",
            check: (text) => complaintAbout({ role: "agent", serverUrl: text }),
          }
        : undefined,
  },
  {
    id: "token",
    question: ({ role }) =>
      role === undefined
        ? undefined
        : {
            kind: "text",
            title: role === "agent" ? "Token of the cluster" : "Token that others join with",
            ...(role === "server" && { help: "Empty: k3s makes one." }),
            secret: true,
            check(text) {
              if (text !== "") return complaintAbout({ token: text });
              return role === "agent" ? "An agent needs the token of its cluster." : undefined;
            },
          },
  },
];

/** Whether the node's questions are asked. A config.yaml, fetched or already on the disk, answers all of them. */
function asksForAnswers(fromFile: boolean | undefined, { config_url, no_format }: Settings): boolean {
  return fromFile !== true && config_url === undefined && no_format !== true;
}
