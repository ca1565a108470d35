// A refusal as the API server words it.
import type { Json } from "./json.ts";

/** Status code and document. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Raised inside and turned into an answer at the edge. */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly answer: Answer;

  constructor(status: number, reason: string, message: string, details?: Json) {
    super(message);
    const body = {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      code: status,
      ...(reason === "" ? {} : { reason }),
      message,
      ...(details === undefined ? {} : { details }),
    };
    this.answer = { status, body };
  }
}
