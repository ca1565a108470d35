// The user of the benchmark: creates, edits and deletes Sites, and sees through a watch of its own
// when each of them is done.

import { collectionPath } from "#controllers/runtime/client/paths.ts";
import type { Client, Transport, WatchResponse } from "#controllers/runtime/index.ts";

import type { Site } from "./site.ts";
import { isReady, SITE, site } from "./site.ts";

const IN_FLIGHT = 16;
const FIELD_MANAGER = "bench-load";
/** Nothing finished for this long although something should: the subject has lost something. */
const STALL_MS = 90_000;

/** When each object was sent, and how long it took to be seen done. */
export interface Finished {
  /** From the first request to the last object. */
  readonly allMs: number;
  /** Per object, sorted. */
  readonly eachMs: readonly number[];
}

type Judge = (object: Site, gone: boolean) => boolean;

interface Waiting {
  readonly judge: Judge;
  readonly resolve: (atMs: number) => void;
  readonly reject: (cause: Error) => void;
}

/** See the head of this file. One namespace. */
export class Load {
  readonly #client: Client;
  readonly #namespace: string;
  readonly #transport: Transport;
  readonly #waiting = new Map<string, Waiting>();
  #closed = false;
  #watch: WatchResponse | undefined;
  /** Up to where the watch has told. */
  #version = "";
  #progressAtMs = performance.now();
  readonly #stallCheck = setInterval(() => this.#checkProgress(), 5_000);

  private constructor(client: Client, transport: Transport, namespace: string) {
    this.#client = client;
    this.#transport = transport;
    this.#namespace = namespace;
  }

  /** Opens the watch; everything that happens after that is seen. */
  static async open(client: Client, transport: Transport, namespace: string): Promise<Load> {
    const load = new Load(client, transport, namespace);
    const first = await load.#connect();
    void load.#follow(first);
    return load;
  }

  /** Creates `count` Sites as fast as 16 connections do and waits until all are Ready. */
  create(count: number): Promise<Finished> {
    const options = { fieldManager: FIELD_MANAGER };
    return this.#each(
      count,
      (object, gone) => !gone && isReady(object),
      (name) => this.#client.create(SITE, site(this.#namespace, name, "first"), options),
    );
  }

  /** Deletes them and waits until all are gone. */
  delete(count: number): Promise<Finished> {
    return this.#each(
      count,
      (_, gone) => gone,
      (name) => this.#client.delete(SITE, { namespace: this.#namespace, name }),
    );
  }

  /** Creates one Site; milliseconds until it is Ready. */
  async createOne(index: number, text: string): Promise<number> {
    const name = siteName(index);
    const startedAtMs = performance.now();
    const done = this.#when(name, (object, gone) => !gone && isReady(object));
    const options = { fieldManager: FIELD_MANAGER };
    await this.#client.create(SITE, site(this.#namespace, name, text), options);
    return (await done) - startedAtMs;
  }

  /** Deletes one Site; milliseconds until it is gone. */
  async deleteOne(index: number): Promise<number> {
    const name = siteName(index);
    const startedAtMs = performance.now();
    const done = this.#when(name, (_, gone) => gone);
    await this.#client.delete(SITE, { namespace: this.#namespace, name });
    return (await done) - startedAtMs;
  }

  /** Edits one Site; milliseconds until its status says that the edit is done. */
  async edit(index: number, text: string): Promise<number> {
    const name = siteName(index);
    const startedAtMs = performance.now();
    // The status may come before the answer to the edit: the text tells which edit it is about.
    const done = this.#when(name, (object) => object.spec.text === text && isReady(object));
    const object = site(this.#namespace, name, text);
    await this.#client.apply(SITE, object, { fieldManager: FIELD_MANAGER });
    return (await done) - startedAtMs;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#stallCheck);
    this.#watch?.close();
  }

  async #each(
    count: number,
    judge: Judge,
    send: (name: string) => Promise<unknown>,
  ): Promise<Finished> {
    const startedAtMs = performance.now();
    const ends: Promise<{ readonly atMs: number; readonly tookMs: number }>[] = [];
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < count) {
        const name = siteName(next++);
        const sentAtMs = performance.now();
        const end = this.#when(name, judge);
        ends.push(end.then((atMs) => ({ atMs, tookMs: atMs - sentAtMs })));
        await send(name);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    const all = await Promise.all(ends);
    return {
      allMs: Math.max(...all.map((one) => one.atMs)) - startedAtMs,
      eachMs: all.map((one) => one.tookMs).sort((a, b) => a - b),
    };
  }

  #when(name: string, judge: Judge): Promise<number> {
    if (this.#waiting.size === 0) this.#progressAtMs = performance.now();
    const end = new Promise<number>((resolve, reject) => {
      this.#waiting.set(name, { judge, resolve, reject });
    });
    // A request that fails is reported first; its end is then of no interest.
    end.catch(() => undefined);
    return end;
  }

  #checkProgress(): void {
    if (this.#waiting.size === 0 || performance.now() - this.#progressAtMs < STALL_MS) return;
    const names = [...this.#waiting.keys()].slice(0, 5).join(", ");
    this.#fail(new Error(`${this.#waiting.size} objects do not come to an end, such as ${names}`));
  }

  #fail(cause: Error): void {
    for (const waiting of this.#waiting.values()) waiting.reject(cause);
    this.#waiting.clear();
  }

  async #connect(): Promise<WatchResponse> {
    const watch = await this.#transport.watch({
      method: "GET",
      path: collectionPath(SITE, this.#namespace),
      query: {
        watch: "true",
        timeoutSeconds: "7200",
        ...(this.#version === "" ? {} : { resourceVersion: this.#version }),
      },
    });
    if (watch.status !== 200) throw new Error(`watch: ${JSON.stringify(watch.body)}`);
    this.#watch = watch;
    return watch;
  }

  /** An API server ends watches that do not keep up; the next one goes on where it ended. */
  async #follow(first: WatchResponse): Promise<void> {
    try {
      await this.#read(first);
      while (!this.#closed) await this.#read(await this.#connect());
    } catch (cause) {
      if (!this.#closed) this.#fail(new Error("the load's watch failed", { cause }));
    }
  }

  async #read(watch: WatchResponse): Promise<void> {
    for await (const line of watch.events) {
      if (line.type === "ERROR") throw new Error(JSON.stringify(line.object));
      const object = line.object as Site;
      this.#version = object.metadata.resourceVersion ?? "";
      const name = object.metadata.name ?? "";
      const waiting = this.#waiting.get(name);
      if (waiting?.judge(object, line.type === "DELETED") !== true) continue;
      this.#waiting.delete(name);
      this.#progressAtMs = performance.now();
      waiting.resolve(this.#progressAtMs);
    }
  }
}

/** Name of the nth Site. */
export function siteName(index: number): string {
  return `site-${String(index).padStart(5, "0")}`;
}
