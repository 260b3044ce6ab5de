/**
 * The vocabulary of the schema: the kinds of values that a config has. A kind is plain data; `check.ts` interprets it.
 */
import type { LayerKind } from "./layer-kind.ts";
import type { Weight } from "./problem.ts";

export type Kind = Text | Flag | ListOf | MapOf | StructOf;

export interface Doc {
  /** One sentence for the documentation. Every key has one; items of lists and values of maps need none. */
  readonly about?: string;
  /** A value as it may stand in the file. */
  readonly example?: string;
  /** Names that old k3OS accepted in addition to the spellings that every key has (`spelling.ts`). */
  readonly aliases?: readonly string[];
  /** The value must never be shown. */
  readonly secret?: boolean;
}

/** What is wrong with a value: completes `expected …`. */
export interface Complaint {
  readonly expected: string;
  /** Completes `got …`. If not given, the value itself is shown. */
  readonly got?: string;
  readonly hint?: string;
  /** `error` if not given. A value that is `ignored` is left out of the config, one with a `warning` stays. */
  readonly weight?: Weight;
}

export interface Check {
  (text: string): Complaint | undefined;
  /** Every accepted text matches these. For checkers that know nothing else, such as JSON Schema and the API. */
  readonly rules?: readonly { readonly pattern: RegExp; readonly complaint: Complaint }[];
  /** The least and the greatest number that is accepted; of a duration in seconds. */
  readonly range?: readonly [number, number];
}

export interface Text extends Doc {
  readonly kind: "text";
  readonly check?: Check;
}

export interface Flag extends Doc {
  readonly kind: "flag";
}

export interface ListOf<Item extends Kind = Kind> extends Doc {
  readonly kind: "list";
  readonly item: Item;
  /** The key that distinguishes one item, a struct, from the others. */
  readonly unique?: string;
  /** The same for layers of the cluster only: within one layer, several items may have it in common. */
  readonly key?: string;
  /** What layers of the cluster add as a whole: one item if not given, or a flag and the value that follows it. */
  readonly unit?: "argument";
  /** Layers whose items are added to those of the other layers, instead of replacing them or being replaced. */
  readonly adds?: readonly LayerKind[];
}

/** Names that the user chooses, with values of one kind. The names are never respelled. */
export interface MapOf<Value extends Kind = Kind> extends Doc {
  readonly kind: "map";
  readonly checkKey: Check;
  readonly value: Value;
}

export interface StructOf<
  Keys extends Record<string, Kind> = Record<string, Kind>,
  Needed extends keyof Keys = keyof Keys,
> extends Doc {
  readonly kind: "struct";
  readonly keys: Keys;
  readonly needed?: readonly Needed[];
  /** It is merged over another one: its `null`s stay, also within an item of a list. */
  readonly isLayer?: boolean;
  /** Looks at the keys together; the complaint is about one of them. */
  readonly check?: (value: Readonly<Record<string, unknown>>) => (Complaint & { readonly key: string }) | undefined;
}

/** The type of a checked value of this kind. */
export type Infer<K> = K extends Text
  ? string
  : K extends Flag
    ? boolean
    : K extends ListOf<infer Item>
      ? readonly Infer<Item>[]
      : K extends MapOf<infer Value>
        ? Readonly<Record<string, Infer<Value>>>
        : K extends StructOf<infer Keys, infer Needed>
          ? { readonly [Name in Exclude<keyof Keys, Needed>]?: Infer<Keys[Name]> } & {
              readonly [Name in Needed]: Infer<Keys[Name]>;
            }
          : never;

export const text = (doc: Doc & { check?: Check }): Text => ({ kind: "text", ...doc });
export const flag = (doc: Doc): Flag => ({ kind: "flag", ...doc });
export const list = <Item extends Kind>(
  item: Item,
  doc: Doc & Pick<ListOf, "unique" | "key" | "unit" | "adds">,
): ListOf<Item> => ({
  kind: "list",
  item,
  ...doc,
});
export const map = <Value extends Kind>(value: Value, doc: Doc & Pick<MapOf, "checkKey">): MapOf<Value> => ({
  kind: "map",
  value,
  ...doc,
});

export function struct<const Keys extends Record<string, Kind>, Needed extends keyof Keys = never>(
  keys: Keys,
  doc: Doc & Pick<StructOf<Keys, Needed>, "needed" | "check">,
): StructOf<Keys, Needed> {
  return { kind: "struct", keys, ...doc };
}
