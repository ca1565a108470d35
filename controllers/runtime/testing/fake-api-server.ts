// A kube-apiserver in the process, over the same transport port as the real one. It does exactly
// what operators use: CRUD, server-side apply with field ownership, watch with bookmarks, streaming
// list and 410, resourceVersions, finalizers, garbage collection, status and scale subresources.
// Schemas, defaults and CEL stay with the real server; test/conformance/apiserver holds both to one
// suite. Faults are injected by `intercept` and by the methods on watches.

import { assert } from "#api/base/index.ts";
import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";

import { TransportError } from "../client/errors.ts";
import { compileSelector } from "../client/paths.ts";
import type { ApiRequest, ApiResponse, Transport, WatchResponse } from "../client/transport.ts";
import { KINDS } from "../kinds/builtin.ts";
import type { Kind, KubeObject, Live, ObjectKey } from "../kinds/kind.ts";
import { keyOf, kindId } from "../kinds/kind.ts";
import type { FakeClock } from "./fake-clock.ts";
import { FakeCollector } from "./fake-collector.ts";
import type { Backup, Stored } from "./fake-storage.ts";
import { FakeStorage } from "./fake-storage.ts";
import { FakeWatch } from "./fake-watch.ts";
import type { Write, Written } from "./fake-writes.ts";
import { FakeWrites, isCustom } from "./fake-writes.ts";
import { managedFieldsOf } from "./field-ownership.ts";
import { frozen } from "./json.ts";
import type { Answer } from "./status-error.ts";
import { StatusError } from "./status-error.ts";

export { StatusError } from "./status-error.ts";

/** What to do instead of, or around, a request. */
export type Fault =
  /** Answer this and do nothing. */
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly retryAfterMs?: number;
      readonly body?: unknown;
    }
  /** The connection breaks before the server sees anything. */
  | { readonly kind: "lost-request" }
  /** The server acts, but its answer is lost. */
  | { readonly kind: "lost-answer" }
  /** Goes on once this resolves. */
  | { readonly kind: "delay"; readonly until: Promise<void> }
  /** The server acts at once; its answer comes when this resolves, and is of the past by then. */
  | { readonly kind: "late-answer"; readonly until: Promise<void> };

/** Settings of a {@link FakeApiServer}. */
export interface FakeApiServerOptions {
  readonly clock: FakeClock;
  /** Served besides Kubernetes' own kinds. */
  readonly kinds?: readonly KindId[];
  /** False: behaves like a server without streaming lists; true if not given. */
  readonly streamingLists?: boolean;
  /** Field of spec behind the scale subresource, by {@link kindId}; `replicas` if not given. */
  readonly scaleFields?: Readonly<Record<string, string>>;
  /** How long the garbage collector takes to act; at once if not given. */
  readonly collectorDelayMs?: () => number;
}

/** A request as the log has it. */
export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly status: number;
  readonly watch: boolean;
}

interface Target {
  readonly kind: KindId;
  readonly key: ObjectKey;
  readonly subresource: string;
}

const TOKEN = /^snapshot-(\d+)-(\d+)$/;

/** See the head of this file. Deterministic: no sockets, no timers but the given clock's. */
export class FakeApiServer implements Transport {
  readonly host = "fake";
  readonly storage = new FakeStorage();
  /** Every request, oldest first; tests may clear it. */
  readonly log: LoggedRequest[] = [];
  /** Asked before every request; undefined lets it through. */
  intercept: (request: ApiRequest, isWatch: boolean) => Fault | undefined = () => undefined;
  /** Told of every request that was acted on, with the storage's version before it. */
  answered: (request: ApiRequest, status: number, before: number, body: unknown) => void = () =>
    undefined;
  /** How late the next line of a watch is, in milliseconds. */
  lag: () => number = () => 0;
  /** How much later than the one before an object of a streamed list is, in milliseconds. */
  listLag: () => number = () => 0;
  /** Objects on a page of a list, if it asks for pages at all; as many as it asks for if not set. */
  pageItemsMax = Number.POSITIVE_INFINITY;
  readonly #clock: FakeClock;
  readonly #kinds = new Map<string, KindId>();
  readonly #writes: FakeWrites;
  readonly #collector: FakeCollector;
  readonly #collectorDelayMs: (() => number) | undefined;
  #collectorIsDue = false;
  readonly #scaleFields: Readonly<Record<string, string>>;
  readonly #streamingLists: boolean;
  readonly #watches = new Set<FakeWatch>();
  /** What lists show that go on, by kind and version. */
  readonly #snapshots = new Map<string, readonly Stored[]>();
  readonly #targets = new Map<string, Target>();

  constructor(options: FakeApiServerOptions) {
    this.#clock = options.clock;
    this.#streamingLists = options.streamingLists ?? true;
    for (const kind of [...Object.values<KindId>(KINDS), ...(options.kinds ?? [])]) {
      this.#kinds.set(kindId(kind), kind);
    }
    this.#scaleFields = options.scaleFields ?? {};
    this.#collectorDelayMs = options.collectorDelayMs;
    this.#writes = new FakeWrites(this.storage, options.clock, () => this.#collectGarbage());
    this.#collector = new FakeCollector(this.storage, this.#writes);
  }

  async request(request: ApiRequest): Promise<ApiResponse> {
    const fault = await this.#fault(request, false);
    if (fault?.kind === "answer") return this.#logged(request, answerOf(fault), fault.retryAfterMs);
    if (fault?.kind === "lost-request") throw new TransportError("connection reset");
    // The real server never answers in the same turn.
    await Promise.resolve();
    if (request.signal?.aborted === true) throw new TransportError("aborted", { aborted: true });
    const before = this.storage.version;
    const response = this.#logged(request, this.#answer(request));
    this.answered(request, response.status, before, response.body);
    if (fault?.kind === "lost-answer") throw new TransportError("connection reset");
    if (fault?.kind === "late-answer") await fault.until;
    return response;
  }

  async watch(request: ApiRequest): Promise<WatchResponse> {
    const fault = await this.#fault(request, true);
    if (fault?.kind === "lost-request" || fault?.kind === "lost-answer") {
      throw new TransportError("connection reset");
    }
    const refused =
      fault?.kind === "answer"
        ? answerOf(fault)
        : request.query?.["sendInitialEvents"] !== undefined && !this.#streamingLists
          ? new StatusError(422, "Invalid", "sendInitialEvents is forbidden").answer
          : undefined;
    if (refused !== undefined) {
      const { status, body, retryAfterMs } = this.#logged(
        request,
        refused,
        retryAfterOf(fault),
        true,
      );
      const events = (async function* () {})();
      const wait = retryAfterMs === undefined ? {} : { retryAfterMs };
      return { status, body, events, close: () => undefined, ...wait };
    }
    this.#logged(request, { status: 200, body: undefined }, undefined, true);
    const { kind, key } = this.#target(request.path);
    const watch = new FakeWatch({
      storage: this.storage,
      clock: this.#clock,
      kind,
      namespace: key.namespace,
      matches: this.#matcher(request),
      query: request.query ?? {},
      render: (stored) => this.#render(stored, request.accept),
      lag: () => this.lag(),
      listLag: () => this.listLag(),
      ended: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    watch.begin();
    request.signal?.addEventListener("abort", () => watch.close(), { once: true });
    return { status: 200, events: watch.events(), close: () => watch.close() };
  }

  close(): Promise<void> {
    this.breakWatches();
    return Promise.resolve();
  }

  /** Watches that are open now. */
  get openWatches(): number {
    return this.#watches.size;
  }

  /** Kinds of the watches that are open now, each once. */
  get watchedKinds(): readonly KindId[] {
    const kinds = [...this.#watches].map(({ kind }) => [kindId(kind), kind] as const);
    return [...new Map(kinds).values()];
  }

  /** Open watches tell their last events once more. */
  replayWatches(): void {
    for (const watch of [...this.#watches]) watch.replay();
  }

  /** Every open watch breaks as if the connection were reset. */
  breakWatches(): void {
    for (const watch of [...this.#watches]) watch.fail(new TransportError("connection reset"));
  }

  /** Every open watch ends cleanly, as at its timeout. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.end();
  }

  /** Open watches deliver nothing any more, bookmarks included; the connection stays. */
  silenceWatches(): void {
    for (const watch of this.#watches) watch.silence();
  }

  /** Events wait from now on, of all watches or those of one kind, until {@link releaseWatches}. */
  holdWatches(kind?: KindId): void {
    for (const watch of this.#watches) {
      if (kind === undefined || kindId(watch.kind) === kindId(kind)) watch.hold();
    }
  }

  /** Delivers what was held. */
  releaseWatches(): void {
    for (const watch of this.#watches) watch.release();
  }

  /** Forgets the history: a watch that must resume from before gets 410. */
  compact(): void {
    this.storage.compact();
    this.#snapshots.clear();
  }

  /** Restarts with an older state, of a backup; see FakeStorage. What is under way is lost. */
  restore(backup: Backup, options: { readonly rewinds?: boolean } = {}): void {
    this.breakWatches();
    this.#snapshots.clear();
    this.storage.restore(backup, options);
    this.#collectGarbage();
  }

  /** Lets the garbage collector do now what it has put off. */
  collectGarbage(): void {
    this.#collector.run();
  }

  /** The object as a user would read it. */
  read<T extends object>(kind: Kind<T>, key: ObjectKey): Live<T> | undefined {
    const stored = this.storage.get(kind, key);
    return stored === undefined ? undefined : (this.#render(stored, undefined) as Live<T>);
  }

  /** All objects of a kind as a user would read them. */
  readAll<T extends object>(kind: Kind<T>): readonly Live<T>[] {
    return this.storage.list(kind).map((stored) => this.#render(stored, undefined) as Live<T>);
  }

  /** A user's `kubectl apply --server-side --force-conflicts`. Throws {@link StatusError}. */
  userApply(kind: KindId, object: KubeObject, manager = "kubectl"): void {
    const write = this.#write(kind, keyOf(object), manager, object);
    this.storage.as(manager, () => this.#writes.apply(write));
  }

  /** A user's `kubectl edit`, `patch` or a controller's update: a merge patch. */
  userPatch(
    kind: KindId,
    key: ObjectKey,
    patch: unknown,
    subresource = "",
    manager = "someone",
  ): void {
    const write = { ...this.#write(kind, key, manager, patch), subresource };
    this.storage.as(manager, () => this.#writes.mergePatch(write));
  }

  /** A user's `kubectl delete`. */
  userDelete(
    kind: KindId,
    key: ObjectKey,
    propagationPolicy: "Background" | "Foreground" | "Orphan" = "Background",
    manager = "someone",
  ): void {
    const write = this.#write(kind, key, manager, { propagationPolicy });
    this.storage.as(manager, () => this.#writes.delete(write));
  }

  #write(kind: KindId, key: ObjectKey, manager: string, body: unknown): Write {
    const frozenBody = frozen(body);
    return { kind, key, subresource: "", manager, force: true, dryRun: false, body: frozenBody };
  }

  #collectGarbage(): void {
    if (!this.#collector.isBusy) return;
    const delayMs = this.#collectorDelayMs?.() ?? 0;
    if (delayMs === 0) {
      if (!this.#collectorIsDue) this.#collector.run();
      return;
    }
    if (this.#collectorIsDue) return;
    this.#collectorIsDue = true;
    this.#clock.schedule(delayMs, () => {
      this.#collector.step();
      this.#collectorIsDue = false;
      this.#collectGarbage();
    });
  }

  async #fault(request: ApiRequest, isWatch: boolean): Promise<Fault | undefined> {
    const fault = this.intercept(request, isWatch);
    if (fault?.kind !== "delay") return fault;
    await fault.until;
    return undefined;
  }

  #answer(request: ApiRequest): Answer {
    try {
      return request.method === "GET" ? this.#get(request) : this.#change(request);
    } catch (cause) {
      if (cause instanceof StatusError) return cause.answer;
      throw cause;
    }
  }

  #get(request: ApiRequest): Answer {
    const target = this.#target(request.path);
    if (target.key.name === "") return this.#list(target, request);
    const stored = this.storage.get(target.kind, target.key);
    if (stored === undefined) {
      const { plural, group } = target.kind;
      const what = `${plural}${group === "" ? "" : `.${group}`} "${target.key.name}"`;
      throw new StatusError(404, "NotFound", `${what} not found`, {
        name: target.key.name,
        ...(group === "" ? {} : { group }),
        kind: plural,
      });
    }
    if (target.subresource === "scale") {
      return { status: 200, body: scaleOf(stored, this.#scaleField(target.kind)) };
    }
    return { status: 200, body: this.#render(stored, request.accept) };
  }

  #list(target: Target, request: ApiRequest): Answer {
    const query = request.query ?? {};
    const token = TOKEN.exec(query["continue"] ?? "");
    const version = token === null ? this.storage.version : Number(token[1]);
    const start = token === null ? 0 : Number(token[2]);
    const id = `${kindId(target.kind)} ${version}`;
    const snapshot = token === null ? this.storage.list(target.kind) : this.#snapshots.get(id);
    if (snapshot === undefined) {
      throw new StatusError(410, "Expired", "The provided continue parameter is too old");
    }
    const matches = this.#matcher(request);
    const found = snapshot.filter(
      (stored) => inNamespace(stored, target.key.namespace) && matches(stored),
    );
    const asked = query["limit"];
    const limit = asked === undefined ? found.length : Math.min(Number(asked), this.pageItemsMax);
    const more = start + limit < found.length;
    if (more) this.#snapshots.set(id, snapshot);
    const isPartial = isMetadataOnly(request.accept);
    // Custom kinds always say whether the list goes on.
    const end = isCustom(target.kind) && !isPartial ? { continue: "" } : {};
    const next = {
      continue: `snapshot-${version}-${start + limit}`,
      remainingItemCount: found.length - start - limit,
    };
    return {
      status: 200,
      body: {
        ...(isPartial
          ? { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadataList" }
          : { apiVersion: apiVersionOf(target.kind), kind: `${target.kind.kind}List` }),
        metadata: { resourceVersion: String(version), ...(more ? next : end) },
        items: found.slice(start, start + limit).map((one) => this.#render(one, request.accept)),
      },
    };
  }

  #change(request: ApiRequest): Answer {
    const target = this.#target(request.path);
    const query = request.query ?? {};
    const write: Write = {
      ...target,
      manager: query["fieldManager"] ?? (isApply(request) ? "" : "unknown"),
      force: query["force"] === "true",
      dryRun: query["dryRun"] === "All",
      body: frozen(request.body),
    };
    if (target.subresource === "scale") return this.#scale(write);
    const written = this.#dispatch(request, write);
    return "body" in written
      ? written
      : { status: written.status, body: this.#render(written.stored, request.accept) };
  }

  /** Writes the replicas of a Scale into the spec of the object. */
  #scale(write: Write): Answer {
    const replicas = (write.body as { readonly spec?: { readonly replicas?: number } }).spec
      ?.replicas;
    const field = this.#scaleField(write.kind);
    const body = frozen({ spec: { [field]: replicas } });
    this.#writes.mergePatch({ ...write, body });
    const stored = this.storage.get(write.kind, write.key);
    assert(stored !== undefined, "scaled, so it is there");
    return { status: 200, body: scaleOf(stored, field) };
  }

  #scaleField(kind: KindId): string {
    return this.#scaleFields[kindId(kind)] ?? "replicas";
  }

  #dispatch(request: ApiRequest, write: Write): Written {
    switch (request.method) {
      case "POST":
        return this.#writes.create(write);
      case "PUT":
        return this.#writes.replace(write);
      case "DELETE":
        return this.#writes.delete(write);
      case "PATCH":
        if (isApply(request)) return this.#writes.apply(write);
        return request.contentType === "application/json-patch+json"
          ? this.#writes.jsonPatch(write)
          : this.#writes.mergePatch(write);
      case "GET":
        throw new StatusError(405, "MethodNotAllowed", "not a write");
    }
  }

  /** The document that goes out: with managedFields, or metadata only. Frozen but for its top. */
  #render(stored: Stored, accept: string | undefined): unknown {
    const { object, managers } = stored;
    const { resourceVersion, ...given } = object.metadata;
    const metadata = {
      ...given,
      ...(resourceVersion === "" ? {} : { resourceVersion }),
      ...(managers.length === 0
        ? {}
        : { managedFields: managedFieldsOf(String(object["apiVersion"]), managers) }),
    };
    return isMetadataOnly(accept)
      ? { apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata", metadata }
      : { ...object, metadata };
  }

  #matcher(request: ApiRequest): (stored: Stored) => boolean {
    const labels = compileSelector(request.query?.["labelSelector"] ?? "");
    const field = /^metadata\.name=(.+)$/.exec(request.query?.["fieldSelector"] ?? "");
    return (stored) =>
      labels(stored.object.metadata.labels) &&
      (field === null || stored.object.metadata.name === field[1]);
  }

  /** What a path is about; read once, for a client asks for the same ones again and again. */
  #target(path: string): Target {
    let target = this.#targets.get(path);
    if (target === undefined) {
      target = this.#parse(path);
      this.#targets.set(path, target);
    }
    return target;
  }

  #parse(path: string): Target {
    const parts = path.split("/").slice(1).map(decodeURIComponent);
    const [group, version] = parts[0] === "api" ? ["", parts[1]] : [parts[1], parts[2]];
    const rest = parts.slice(parts[0] === "api" ? 2 : 3);
    // `/namespaces/<ns>/<plural>` is a scope; `/namespaces/<name>` is the Namespace itself.
    const scoped = rest[0] === "namespaces" && rest.length > 2;
    const namespace = scoped ? (rest[1] ?? "") : "";
    const [plural = "", name = "", subresource = ""] = scoped ? rest.slice(2) : rest;
    const kind = this.#kinds.get(`${plural}.${version ?? ""}.${group ?? ""}`);
    if (kind === undefined) {
      throw new StatusError(404, "NotFound", "the server could not find the requested resource");
    }
    return { kind, key: { namespace, name }, subresource };
  }

  #logged(request: ApiRequest, answer: Answer, retryAfterMs?: number, watch = false): ApiResponse {
    const { method, path, query = {}, body } = request;
    this.log.push({ method, path, query, body, status: answer.status, watch });
    return {
      status: answer.status,
      body: answer.body,
      bytes: 0,
      sentBytes: 0,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    };
  }
}

/** What the real server calls these statuses. */
const REASON_OF: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  409: "Conflict",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
};

function answerOf(fault: Fault & { readonly kind: "answer" }): Answer {
  const reason = REASON_OF[fault.status] ?? "Unknown";
  const standard = new StatusError(fault.status, reason, "injected fault").answer.body;
  return { status: fault.status, body: fault.body ?? standard };
}

function retryAfterOf(fault: Fault | undefined): number | undefined {
  return fault?.kind === "answer" ? fault.retryAfterMs : undefined;
}

function inNamespace(stored: Stored, namespace: string): boolean {
  return namespace === "" || stored.object.metadata.namespace === namespace;
}

function isMetadataOnly(accept: string | undefined): boolean {
  return accept?.includes("as=PartialObjectMetadata") === true;
}

function isApply(request: ApiRequest): boolean {
  return request.contentType === "application/apply-patch+yaml";
}

function scaleOf({ object }: Stored, field: string): object {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = (object["spec"] ?? {}) as Readonly<Record<string, unknown>>;
  const status = (object["status"] ?? {}) as { readonly replicas?: number };
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec[field] ?? 0 },
    status: { replicas: status.replicas ?? 0 },
  };
}
