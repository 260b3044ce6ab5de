/** What the API says when it refuses (metav1.Status). */
export interface Refusal {
  readonly kind: "Status";
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly retryAfterSeconds?: number };
}

/** Why the API has refused a request, as one sentence. */
export function refusalReason(status: number, body: unknown): string {
  const { message } = (body ?? {}) as Partial<Refusal>;
  return message === undefined || message === "" ? `The API says ${status}.` : `The API says ${status}: ${message}`;
}

/** How long the server wants to be left alone: by its header `Retry-After` in seconds, or by its Status. */
export function retryAfterMs(header: string | undefined, body: unknown): number | undefined {
  const seconds = Number(header || ((body ?? {}) as Partial<Refusal>).details?.retryAfterSeconds);
  return seconds > 0 ? seconds * 1000 : undefined;
}
