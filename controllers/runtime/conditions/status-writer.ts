// Writes status by server-side apply with a manager of its own, at most once a pass, and not at all
// if the object says so already. Foreign conditions stay, our own fields that are no longer stated
// vanish.

import type { Condition } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import { migrateManagedFields } from "../apply/migrate.ts";
import { plain } from "../apply/plain.ts";
import { contentHash } from "../apply/stamp.ts";
import { isHeldBy } from "../kinds/decode.ts";
import type { Difference } from "../apply/match.ts";
import { exactDifferences } from "../apply/match.ts";
import type { Informers } from "../cache/informers.ts";
import type { Client } from "../client/client.ts";
import type { OwnWrites } from "../controller/own-writes.ts";
import type { Outcome } from "../controller/types.ts";
import type { Kind, Live } from "../kinds/kind.ts";
import { keyOf } from "../kinds/kind.ts";
import type { Metrics } from "../base/metrics.ts";

/** Settings of a {@link StatusWriter}; one per controller. */
export interface StatusWriterOptions {
  readonly controller: string;
  readonly kind: Kind;
  readonly fieldManager: string;
  /** Managers whose status fields are taken over; see Controller.formerManagers. */
  readonly formerManagers: readonly string[];
  readonly client: Client;
  readonly informers: Informers;
  readonly ownWrites: OwnWrites;
  readonly metrics: Metrics;
  /** Sees every status that was written, and what it was before; for development and tests. */
  readonly onWritten?: (write: StatusWrite) => void;
}

/** One write of a status, as the server has answered it. */
export interface StatusWrite {
  readonly before: Live;
  readonly after: Live;
  /** How the pass went that wrote it. */
  readonly outcome: Outcome["kind"];
}

/** How a status is written. */
export interface StatusWriteOptions {
  readonly signal: AbortSignal;
  readonly outcome: Outcome["kind"];
  /** Asked before a write, with the paths that differ; false puts it off. Always if not given. */
  readonly mayWrite?: (paths: readonly string[]) => boolean;
}

/** `deferred`: it differs and `mayWrite` said no. */
export type StatusWritten = "written" | "equal" | "deferred";

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
   * Makes the status of `live` this one. Throws ApiError 409 if the object has changed since `live`
   * was read: then the status is about something old.
   */
  async write(
    live: Live,
    status: StatusDocument,
    options: StatusWriteOptions,
  ): Promise<StatusWritten> {
    const { kind, client, informers, metrics, controller, ownWrites } = this.#options;
    // An undefined member is no difference.
    const wanted: unknown = plain(status);
    const found = differencesOf(wanted, live);
    const content = found.length === 0 ? "" : contentHash(wanted);
    if (found.length === 0 || this.#wasAccepted(live, content, found)) {
      metrics.statusSkipped.inc({ controller });
      return "equal";
    }
    const paths = (): readonly string[] => found.map((one) => `status.${one.path}`);
    if (options.mayWrite?.(paths()) === false) return "deferred";
    const { name, namespace, uid } = live.metadata;
    const resourceVersion = await this.#takeOver(live, options.signal);
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
        signal: options.signal,
      },
    );
    const left = differencesOf(wanted, answer);
    if (left.length === 0) this.#accepted.delete(uid);
    else this.#accepted.set(uid, { content, left: JSON.stringify(left) });
    ownWrites.wrote(informers, kind, answer, keyOf(live));
    this.#options.onWritten?.({ before: live, after: answer, outcome: options.outcome });
    return "written";
  }

  /** What an older version has written is ours from now on; the version to write at. */
  async #takeOver(live: Live, signal: AbortSignal): Promise<string> {
    const { kind, client, informers, ownWrites, formerManagers } = this.#options;
    const { resourceVersion } = live.metadata;
    const from = formerManagers.filter((former) => isHeldBy(live, former, "status"));
    if (from.length === 0) return resourceVersion;
    const answer = await migrateManagedFields(client, kind, live, {
      from,
      to: `${this.#options.fieldManager}-status`,
      subresource: "status",
      signal,
    });
    if (answer === undefined) return resourceVersion;
    ownWrites.wrote(informers, kind, answer, keyOf(live));
    return answer.metadata.resourceVersion;
  }

  /** The object is gone. */
  forget(uid: string): void {
    this.#accepted.delete(uid);
  }

  #wasAccepted(live: Live, content: string, found: readonly Difference[]): boolean {
    const accepted = this.#accepted.get(live.metadata.uid);
    return accepted?.content === content && accepted.left === JSON.stringify(found);
  }
}

function differencesOf(wanted: unknown, live: Live): readonly Difference[] {
  return exactDifferences(wanted, (live as { readonly status?: unknown }).status);
}
