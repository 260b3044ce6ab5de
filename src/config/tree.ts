/**
 * Every kind of layer is read into this tree: keys and values as they were written, each with its place in the text.
 *
 * Nothing is interpreted here. `0644`, `1.10` and `yes` stay the words that the user typed, because only the schema
 * knows whether a mode, a version or a truth value is expected.
 */
export type Tree = Scalar | List | Dict;

/** Offsets into the text of a layer, in UTF-16 units; `end` is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Scalar {
  readonly type: "scalar";
  readonly text: string;
  /** Written without quotes. Only then can `null` and an empty value mean "nothing". */
  readonly plain: boolean;
  /** Marked `!!binary`: the text is base64. */
  readonly binary?: boolean;
  readonly span: Span;
}

export interface List {
  readonly type: "list";
  readonly items: readonly Tree[];
  readonly span: Span;
}

export interface Dict {
  readonly type: "dict";
  /** In the order of the text; a key may occur more than once. */
  readonly entries: readonly Entry[];
  readonly span: Span;
}

export interface Entry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Tree;
}

export function scalar(text: string, span: Span, plain = false): Scalar {
  return { type: "scalar", text, plain, span };
}

/** Whether this is YAML's null: an empty value, `~` or `null`, without quotes. */
export function isNothing(tree: Tree): boolean {
  return tree.type === "scalar" && tree.plain && /^(~|null|Null|NULL)?$/.test(tree.text);
}
