// Writes status by server-side apply with a manager of its own, at most once a pass, and not at all
// if the object says so already. Foreign conditions stay, our own fields that are no longer stated
// vanish.

import type { Condition } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import { contentHash } from "../apply/stamp.ts";
import { exactDifferences } from "../apply/match.ts";
import type { Informers } from "../cache/informers.ts";
import type { Client } from "../client/client.ts";
import type { Kind, Live } from "../kinds/kind.ts";
import type { Metrics } from "../lifecycle/metrics.ts";

/** Settings of a {@link StatusWriter}; one per controller. */
export interface StatusWriterOptions {
  readonly controller: string;
  readonly kind: Kind;
  readonly fieldManager: string;
  readonly client: Client;
  readonly informers: Informers;
  readonly metrics: Metrics;
}

/** `status` of any object that we write. */
export interface StatusDocument {
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
}

/** See the head of this file. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  /** Where the server's answer differed from what we wrote, by uid; empty sets are not kept. */
  readonly #accepted = new Map<string, { readonly content: string; readonly left: string }>();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /**
   * Makes the status of `live` this one; true if it had to be written. Throws ApiError 409 if the
   * object has changed since `live` was read: then the status is about something old.
   */
  async write(live: Live, status: StatusDocument, signal: AbortSignal): Promise<boolean> {
    const { kind, client, informers, metrics, controller } = this.#options;
    // What JSON would carry, so that an undefined member is no difference.
    const wanted: unknown = JSON.parse(JSON.stringify(status));
    const content = contentHash(wanted);
    if (this.#isAsWanted(live, wanted, content)) {
      metrics.statusSkipped.inc({ controller });
      return false;
    }
    const { name, namespace, uid, resourceVersion } = live.metadata;
    const answer = await client.apply(
      kind,
      {
        apiVersion: apiVersionOf(kind),
        kind: kind.kind,
        metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
        status: wanted,
      } as Parameters<Client["apply"]>[1],
      {
        fieldManager: `${this.#options.fieldManager}-status`,
        subresource: "status",
        expect: { uid, resourceVersion },
        signal,
      },
    );
    const left = text(wanted, answer);
    if (left === "[]") this.#accepted.delete(uid);
    else this.#accepted.set(uid, { content, left });
    informers.wrote(kind, answer, statusWriterName(controller));
    return true;
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#accepted.delete(uid);
  }

  #isAsWanted(live: Live, wanted: unknown, content: string): boolean {
    const left = text(wanted, live);
    if (left === "[]") return true;
    const accepted = this.#accepted.get(live.metadata.uid);
    return accepted?.content === content && accepted.left === left;
  }
}

/** Writer of a controller's status in cache changes, so that it can ignore its own echo. */
export function statusWriterName(controller: string): string {
  return `${controller}/status`;
}

function text(wanted: unknown, live: Live): string {
  const status = (live as { readonly status?: unknown }).status;
  return JSON.stringify(exactDifferences(wanted, status));
}
