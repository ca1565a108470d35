// One conversation with an API server, fake or real, written down in a form in which both can be
// compared: uids, versions, times and generated names are replaced by what they mean. Texts of
// refusals are left out, which no program may read; status, reason, details and causes are not.
import { assert } from "#api/base/index.ts";
import type { ApiRequest, Transport, WatchLine } from "#controllers/runtime/index.ts";

/** The server that a session talks to. */
export interface ApiDriver {
  readonly transport: Transport;
  /** Lets the server's own controllers work for a moment. */
  readonly moment: () => Promise<void>;
}

/** Parts of a request besides method and path. */
export interface CallOptions {
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly type?: "apply" | "merge" | "json";
  readonly accept?: "metadata" | "metadata-list";
}

/** Any answer's document. */
export type Document = Readonly<Record<string, unknown>> & {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly continue?: string;
  };
  readonly items: readonly Document[];
};

const TYPES = {
  apply: "application/apply-patch+yaml",
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
} as const;
const SETTLE_ROUNDS = 100;
/** Times, texts, and what an Event has from its earlier version. */
const LEFT_OUT = /^(time|message|deprecated.*)$/;

/** See the head of this file. */
export class Session {
  /** What was said, normalised. */
  readonly log: unknown[] = [];
  readonly namespace: string;
  readonly #driver: ApiDriver;
  readonly #names = new Map<string, string>();
  #watches = 0;

  constructor(driver: ApiDriver, namespace: string) {
    this.#driver = driver;
    this.namespace = namespace;
  }

  /** Path of the kind that the suite brings along. */
  gizmo(name = "", subresource = ""): string {
    const base = `/apis/conformance.example.io/v1/namespaces/${this.namespace}/gizmos`;
    return [base, name, subresource].filter((part) => part !== "").join("/");
  }

  /** Path of a namespaced kind of Kubernetes' own, such as `api/v1`, `configmaps`. */
  builtIn(group: string, plural: string, name = ""): string {
    const base = `/${group}/namespaces/${this.namespace}/${plural}`;
    return name === "" ? base : `${base}/${name}`;
  }

  /** Sends a request and writes the answer down; fails unless it has this status. */
  async call(
    status: number,
    method: ApiRequest["method"],
    path: string,
    options: CallOptions = {},
  ): Promise<Document> {
    const { query, body, type, accept } = options;
    const list = accept === "metadata-list" ? "List" : "";
    const answer = await this.#driver.transport.request({
      method,
      path,
      ...(query === undefined ? {} : { query }),
      ...(body === undefined ? {} : { body }),
      ...(type === undefined ? {} : { contentType: TYPES[type] }),
      ...(accept === undefined
        ? {}
        : { accept: `application/json;as=PartialObjectMetadata${list};g=meta.k8s.io;v=v1` }),
    });
    const text = JSON.stringify(answer.body);
    assert(answer.status === status, `${method} ${path}: ${answer.status} ${text}`);
    this.log.push({
      request: `${method} ${this.#place(path)}`,
      status,
      body: this.#plain(answer.body),
    });
    return answer.body as Document;
  }

  /** Watches while `deed` is done, until as many lines have come, and writes them down. */
  async watch(
    path: string,
    query: Readonly<Record<string, string>>,
    count: number,
    deed: () => Promise<void>,
    accept?: "metadata",
  ): Promise<readonly WatchLine[]> {
    const stop = new AbortController();
    const { transport, moment } = this.#driver;
    const response = await transport.watch({
      method: "GET",
      path,
      query: { ...query, watch: "true" },
      signal: stop.signal,
      ...(accept === undefined
        ? {}
        : { accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" }),
    });
    const lines: WatchLine[] = [];
    const reading = (async (): Promise<void> => {
      if (response.status !== 200) return;
      for await (const line of response.events) {
        lines.push(line);
        if (lines.length === count) return;
      }
    })();
    await deed();
    for (let round = 0; lines.length < count && round < SETTLE_ROUNDS; round += 1) await moment();
    stop.abort();
    response.close();
    await reading.catch((cause: unknown) => {
      // The end that we have made ourselves.
      if (!stop.signal.aborted) throw cause;
    });
    assert(lines.length === count, `watch ${path}: ${lines.length} lines instead of ${count}`);
    this.#watches += 1;
    this.log.push({
      watch: this.#watches,
      status: response.status,
      lines: lines.map(({ type, object }) => ({ type, object: this.#plain(object) })),
    });
    return lines;
  }

  /** Waits until what is at `path` is gone, or as `check` wants it. */
  async until(path: string, check: (found: Document | undefined) => boolean): Promise<void> {
    for (let round = 0; round < SETTLE_ROUNDS; round += 1) {
      const { status, body } = await this.#driver.transport.request({ method: "GET", path });
      if (check(status === 404 ? undefined : (body as Document))) return;
      await this.#driver.moment();
    }
    throw new Error(`${path} does not come to what it should be`);
  }

  #place(path: string): string {
    return path.replace(this.namespace, "NS");
  }

  /** The same value gets the same word, in the order in which they come up. */
  #word(sort: string, value: string): string {
    const key = `${sort} ${value}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const count = [...this.#names.keys()].filter((one) => one.startsWith(`${sort} `)).length;
    const word = `${sort}-${count + 1}`;
    this.#names.set(key, word);
    return word;
  }

  #plain(value: unknown, field = ""): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item) => this.#plain(item, ""));
      // The server sometimes gives the same cause twice.
      if (field === "causes") return [...new Set(items.map((item) => JSON.stringify(item)))].sort();
      return field === "managedFields" ? items.sort(byManager) : items;
    }
    if (typeof value === "string") return this.#plainText(value, field);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value)
      .filter(([name]) => !LEFT_OUT.test(name))
      .map(([name, part]) => [this.#plainStep(name), this.#plain(part, name)] as const);
    return Object.fromEntries(entries);
  }

  /** A field, or a step of a set of fields, which may hold a uid. */
  #plainStep(name: string): string {
    const [, uid] = /^k:\{"uid":"(.+)"\}$/.exec(name) ?? [];
    return uid === undefined ? name : `k:{"uid":"${this.#word("uid", uid)}"}`;
  }

  #plainText(text: string, field: string): string {
    switch (field) {
      case "uid":
        return this.#word("uid", text);
      case "resourceVersion":
        return text === "" ? "" : this.#word("version", text);
      case "creationTimestamp":
      case "deletionTimestamp":
        return "TIME";
      case "continue":
        return text === "" ? "" : "TOKEN";
      default:
        return text.replace(/^(generated-)\w{5}$/, "$1XXXXX").replace(this.namespace, "NS");
    }
  }
}

/** The server sorts by time, which is not compared. */
function byManager(a: unknown, b: unknown): number {
  return managerText(a) < managerText(b) ? -1 : 1;
}

function managerText(entry: unknown): string {
  const { manager, operation, subresource } = entry as Readonly<Record<string, string>>;
  return `${manager} ${operation} ${subresource ?? ""}`;
}
