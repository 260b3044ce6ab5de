/** How the agent speaks to the API. `curl-client.ts` does it on a node, `memory-api.ts` in tests. */

export interface ApiAnswer<T = unknown> {
  /** The status of HTTP; 0 if nothing answered. */
  readonly status: number;
  /** The object, the list, or the `Status` that says why not; `undefined` without an answer. */
  readonly body: T | undefined;
  /** Why the request has failed, as one sentence; empty if it has not. */
  readonly reason: string;
  /** How long the server wants to be left alone, in milliseconds, if it says so. */
  readonly retryAfterMs?: number;
}

export type PatchKind = "merge" | "apply";

export interface ApiClient {
  get<T>(path: string): Promise<ApiAnswer<T>>;
  post<T>(path: string, body: unknown): Promise<ApiAnswer<T>>;
  /**
   * `merge`: a JSON merge patch. With `metadata.resourceVersion` in it, it is a compare-and-swap that fails with 409.
   * `apply`: server-side apply as the field manager `k3os`, forced.
   */
  patch<T>(path: string, body: unknown, kind: PatchKind): Promise<ApiAnswer<T>>;
}
