import { K3osError } from "../../errors.ts";
import type { ApiAnswer } from "./client.ts";

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

/** The API does not answer, or refuses. What waits for it is tried again. */
export class ApiTrouble extends K3osError {
  readonly status: number;
  constructor({ status, reason }: ApiAnswer) {
    super("network", reason || `the API says ${status}`);
    this.status = status;
  }
}

/** The body of an answer that is a success. Throws `ApiTrouble`. */
export function bodyOf<T>(answer: ApiAnswer<T>): T {
  if (answer.status >= 200 && answer.status < 300 && answer.body !== undefined) return answer.body;
  throw new ApiTrouble(answer);
}
