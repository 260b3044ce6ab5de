/** What is known of single specs. An entry that matches no spec of the version at hand is an error. */
export interface Explained {
  /** Of the whole name of a spec. */
  readonly spec: RegExp;
  readonly reason: string;
  /** It is so only with fewer nodes than that. */
  readonly fewerThan?: number;
}

/** Specs that are not run. */
export const LEFT_OUT: readonly Explained[] = [
  {
    spec: /Aggregator Should be able to support the 1\.17 Sample API Server/,
    reason: "needs the images sample-apiserver and etcd, which are programs of other repositories",
  },
];

/** Specs that fail, and not by a fault of the node's. */
export const EXPLAINED: readonly Explained[] = [
  {
    spec: /Conformance Tests should have at least two untainted nodes/,
    reason: "asks for two nodes",
    fewerThan: 2,
  },
];
