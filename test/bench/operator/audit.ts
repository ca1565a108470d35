// Requests as the API server has logged them, per user: neither subject counts its own.

import { closeSync, openSync, readSync, statSync } from "node:fs";

/** Requests of one user in one stretch of the audit log. */
export interface Requests {
  /** Without Events and Leases, by `VERB resource` or `VERB resource/subresource`. */
  readonly byVerb: Readonly<Record<string, number>>;
  /** POST, PUT, PATCH, DELETE without Events and Leases. */
  readonly writes: number;
  /** get and list, without Events and Leases. */
  readonly reads: number;
  readonly watches: number;
  readonly events: number;
  readonly leases: number;
  /** Answered 409 Conflict. */
  readonly conflicts: number;
}

interface AuditLine {
  readonly stage: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string };
  readonly responseStatus?: { readonly code?: number };
}

const READS = new Set(["get", "list"]);

/** A position in the log to count from. */
export function auditPosition(path: string): number {
  return statSync(path).size;
}

/** What `user` has asked for since `position`. Requests for no resource (`/version`) are left out. */
export function requestsSince(path: string, position: number, user: string): Requests {
  const byVerb: Record<string, number> = {};
  const count = { writes: 0, reads: 0, watches: 0, events: 0, leases: 0, conflicts: 0 };
  for (const line of linesSince(path, position)) {
    if (!line.includes(user)) continue;
    const entry = JSON.parse(line) as AuditLine;
    if (entry.user.username !== user || entry.objectRef?.resource === undefined) continue;
    const watch = entry.verb === "watch";
    // A watch is logged when it starts and when it ends, everything else once.
    if (watch !== (entry.stage === "ResponseStarted")) continue;
    const { resource, subresource } = entry.objectRef;
    if (resource === "events") count.events++;
    else if (resource === "leases") count.leases++;
    else {
      const what = subresource === undefined ? resource : `${resource}/${subresource}`;
      const name = `${entry.verb} ${what}`;
      byVerb[name] = (byVerb[name] ?? 0) + 1;
      if (watch) count.watches++;
      else if (READS.has(entry.verb)) count.reads++;
      else count.writes++;
      if (entry.responseStatus?.code === 409) count.conflicts++;
    }
  }
  return { byVerb, ...count };
}

function* linesSince(path: string, position: number): Generator<string> {
  const file = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(1 << 20);
    let at = position;
    let rest = "";
    for (;;) {
      const bytes = readSync(file, chunk, 0, chunk.length, at);
      if (bytes === 0) return;
      at += bytes;
      // Names, verbs and users are ASCII; a character split between chunks does not matter.
      const lines = (rest + chunk.toString("latin1", 0, bytes)).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
  } finally {
    closeSync(file);
  }
}
