/**
 * The private tree of Debian tools, as far as machines need it (`toolsTree()` of `src/build` is one). Its programs are
 * started directly, so the process number is the program's own and host paths mean what they say.
 */
export interface Tools {
  /** How to start a program of the tree. */
  command(argv: readonly string[]): {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
  /** The host path of a file of the tree, such as `usr/share/OVMF/OVMF_CODE_4M.fd`. */
  path(relative: string): string;
}
