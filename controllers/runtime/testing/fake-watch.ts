// One watch of the fake server: resume from a version, streaming list, bookmarks every minute, end
// at its timeout, and the ways in which real watches go wrong.

import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import type { WatchLine } from "../client/transport.ts";
import type { FakeClock } from "./fake-clock.ts";
import type { FakeStorage, HistoryEntry, Stored } from "./fake-storage.ts";

const BOOKMARK_MS = 60_000;
/** How many past events a replay tells again. */
const REPLAYED = 3;

/** What a watch is about. */
export interface FakeWatchOptions {
  readonly storage: FakeStorage;
  readonly clock: FakeClock;
  readonly kind: KindId;
  readonly namespace: string;
  readonly matches: (stored: Stored) => boolean;
  readonly query: Readonly<Record<string, string>>;
  readonly render: (stored: Stored) => unknown;
  /** How late the next line is, in milliseconds; lines of one watch never overtake each other. */
  readonly lag: () => number;
  /** How much later than the one before an object of the initial list is, in milliseconds. */
  readonly listLag: () => number;
  readonly ended: () => void;
}

/** See the head of this file. */
export class FakeWatch {
  readonly kind: KindId;
  readonly #options: FakeWatchOptions;
  readonly #lines: WatchLine[] = [];
  readonly #held: WatchLine[] = [];
  readonly #told: WatchLine[] = [];
  #state: "open" | "held" | "silent" | "ended" = "open";
  /** Lines that wait for their time. */
  #late = 0;
  #lateUntilMs = 0;
  /** Nothing up to this version is told: who resumes has seen it. */
  #after = 0;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;
  #cancelBookmark: () => void = () => undefined;
  readonly #stop: (() => void)[] = [];

  constructor(options: FakeWatchOptions) {
    this.kind = options.kind;
    this.#options = options;
    const { storage, clock, query } = options;
    this.#stop.push(storage.subscribe((entry) => this.#see(entry)));
    this.#stop.push(() => this.#cancelBookmark());
    const seconds = Number(query["timeoutSeconds"] ?? 0);
    if (seconds > 0) this.#stop.push(clock.schedule(seconds * 1000, () => this.end()));
  }

  /** Sends what there is to begin with. */
  begin(): void {
    this.#begin();
    if (this.#state !== "ended") this.#scheduleBookmark();
  }

  /** Lines as they come; ends when the watch ends, throws when it fails. */
  async *events(): AsyncGenerator<WatchLine> {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) {
        yield line;
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else if (this.#state === "ended") {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** The client has had enough. */
  close(): void {
    this.#lines.length = 0;
    this.end();
  }

  /** The server ends the stream cleanly. */
  end(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    for (const stop of this.#stop.splice(0)) stop();
    this.#options.ended();
    this.#wake();
  }

  /** The connection breaks. */
  fail(error: Error): void {
    if (this.#state === "ended") return;
    this.#failure = error;
    this.end();
  }

  silence(): void {
    if (this.#state !== "ended") this.#state = "silent";
  }

  hold(): void {
    if (this.#state === "open") this.#state = "held";
  }

  release(): void {
    if (this.#state !== "held") return;
    this.#state = "open";
    this.#lines.push(...this.#held.splice(0));
    this.#wake();
  }

  /** Tells the last few events once more, as a proxy or a server with a lagging cache may. */
  replay(): void {
    for (const line of this.#told.slice(-REPLAYED)) this.#push(copyOf(line));
  }

  #begin(): void {
    const { storage, query, kind } = this.#options;
    const version = query["resourceVersion"] ?? "";
    if (version !== "" && version !== "0" && query["sendInitialEvents"] !== "true") {
      if (Number(version) < storage.oldestVersion) {
        const object = expired(version, storage.oldestVersion);
        this.#lines.push({ type: "ERROR", object, bytes: 0 });
        this.end();
        return;
      }
      // Also where the server is not there yet: then nothing is told until it is.
      this.#after = Number(version);
      for (const entry of storage.since(kind, this.#after)) this.#see(entry);
      return;
    }
    let lagMs = 0;
    for (const stored of storage.list(kind)) {
      if (!this.#selects(stored)) continue;
      lagMs += this.#options.listLag();
      this.#push(this.#line("ADDED", stored), lagMs);
    }
    if (query["sendInitialEvents"] === "true") {
      this.#bookmark({ "k8s.io/initial-events-end": "true" });
    }
  }

  #see(entry: HistoryEntry): void {
    if (entry.kind.plural !== this.kind.plural || entry.kind.group !== this.kind.group) return;
    if (entry.version <= this.#after) return;
    const before = entry.previous !== undefined && this.#selects(entry.previous);
    const after = entry.type !== "DELETED" && this.#selects(entry.stored);
    if (!before && !after) return;
    const line = after
      ? this.#line(before ? "MODIFIED" : "ADDED", entry.stored)
      : this.#line("DELETED", deletionOf(entry));
    this.#told.push(line);
    if (this.#told.length > REPLAYED) this.#told.shift();
    this.#push(copyOf(line));
  }

  #line(type: string, stored: Stored): WatchLine {
    return { type, object: this.#options.render(stored), bytes: 0 };
  }

  #selects(stored: Stored): boolean {
    const { namespace, matches } = this.#options;
    const within = namespace === "" || stored.object.metadata.namespace === namespace;
    return within && matches(stored);
  }

  #bookmark(annotations: Readonly<Record<string, string>>): void {
    const { storage, kind } = this.#options;
    if (storage.version < this.#after) return;
    const metadata = { resourceVersion: String(storage.version), annotations };
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata };
    this.#push({ type: "BOOKMARK", object, bytes: 0 });
  }

  #scheduleBookmark(): void {
    if (this.#options.query["allowWatchBookmarks"] !== "true") return;
    this.#cancelBookmark = this.#options.clock.schedule(BOOKMARK_MS, () => {
      this.#bookmark({});
      this.#scheduleBookmark();
    });
  }

  #push(line: WatchLine, moreMs = 0): void {
    if (this.#state !== "open" && this.#state !== "held") return;
    const lagMs = this.#options.lag() + moreMs;
    if (lagMs === 0 && this.#late === 0) {
      this.#deliver(line);
      return;
    }
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#lateUntilMs = Math.max(this.#lateUntilMs, nowMs + lagMs);
    this.#late += 1;
    clock.schedule(this.#lateUntilMs - nowMs, () => {
      this.#late -= 1;
      this.#deliver(line);
    });
  }

  #deliver(line: WatchLine): void {
    if (this.#state === "ended" || this.#state === "silent") return;
    if (this.#state === "held") this.#held.push(line);
    else this.#lines.push(line);
    this.#wake();
  }
}

/** Readers may change the top of what they get, as those of real bytes do. */
function copyOf(line: WatchLine): WatchLine {
  const object = line.object as { readonly metadata: object };
  return { ...line, object: { ...object, metadata: { ...object.metadata } } };
}

/** What left the selection is told as it was, under the version at which it left. */
function deletionOf({ type, stored, previous }: HistoryEntry): Stored {
  if (type === "DELETED" || previous === undefined) return stored;
  const { resourceVersion } = stored.object.metadata;
  const metadata = { ...previous.object.metadata, resourceVersion };
  return { ...previous, object: { ...previous.object, metadata } };
}

function expired(version: string, oldest: number): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: `too old resource version: ${version} (${oldest})`,
    reason: "Expired",
    code: 410,
  };
}
