// kubectl as a test wants it: objects in and out, and waiting with the last thing seen in the error.
import { setTimeout as delay } from "node:timers/promises";

import type { Cluster } from "#hack/cluster/index.ts";

/** Any object as the API server shows it. */
export interface AnyObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly generation?: number;
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
  readonly data?: Readonly<Record<string, string>>;
}

/** A condition of an object's status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** kubectl of one cluster, in one namespace unless said otherwise. */
export class Kube {
  readonly cluster: Cluster;
  readonly namespace: string;

  constructor(cluster: Cluster, namespace: string) {
    this.cluster = cluster;
    this.namespace = namespace;
  }

  /** The same cluster, another namespace. */
  in(namespace: string): Kube {
    return new Kube(this.cluster, namespace);
  }

  async run(...args: readonly string[]): Promise<string> {
    return (await this.cluster.kubectl(["-n", this.namespace, ...args])).stdout;
  }

  async apply(document: string): Promise<void> {
    const args = ["-n", this.namespace, "apply", "--server-side", "--force-conflicts", "-f", "-"];
    await this.cluster.kubectl(args, { input: document });
  }

  async get(kind: string, name: string): Promise<AnyObject | undefined> {
    const text = await this.run("get", kind, name, "--ignore-not-found", "-o", "json");
    return text.trim() === "" ? undefined : (JSON.parse(text) as AnyObject);
  }

  async list(kind: string, selector?: string): Promise<readonly AnyObject[]> {
    const extra = selector === undefined ? [] : ["-l", selector];
    const text = await this.run("get", kind, ...extra, "-o", "json");
    return (JSON.parse(text) as { readonly items: readonly AnyObject[] }).items;
  }

  async patch(kind: string, name: string, patch: unknown): Promise<void> {
    await this.run("patch", kind, name, "--type=merge", "-p", JSON.stringify(patch));
  }
}

/** Polls until `probe` answers a value. The error names `what` and what was seen last. */
export async function eventually<T>(
  what: string,
  deadlineMs: number,
  probe: () => Promise<T | undefined>,
  seen?: () => Promise<string>,
): Promise<T> {
  const startedAt = performance.now();
  let problem = "nothing yet";
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
      problem = "nothing yet";
    } catch (cause) {
      problem = cause instanceof Error ? cause.message : String(cause);
    }
    if (performance.now() - startedAt > deadlineMs) {
      const last = seen === undefined ? "" : `\n${await seen()}`;
      throw new Error(`waited ${Math.round(deadlineMs / 1000)} s for ${what}: ${problem}${last}`);
    }
    await delay(250);
  }
}

/** The condition of this type, if there. */
export function condition(object: AnyObject | undefined, type: string): Condition | undefined {
  const list = (object?.status?.["conditions"] ?? []) as readonly Condition[];
  return list.find((entry) => entry.type === type);
}

/** Waits until the object has the condition for its present generation. */
export async function waitCondition(
  kube: Kube,
  target: { readonly kind: string; readonly name: string },
  want: { readonly type: string; readonly status: string; readonly reason?: string },
  deadlineMs: number,
): Promise<AnyObject> {
  const { kind, name } = target;
  return await eventually(
    `${kind}/${name} ${want.type}=${want.status} ${want.reason ?? ""}`,
    deadlineMs,
    async () => {
      const object = await kube.get(kind, name);
      const found = condition(object, want.type);
      const fresh = object?.status?.["observedGeneration"] === object?.metadata.generation;
      const reason = want.reason === undefined || found?.reason === want.reason;
      return fresh && found?.status === want.status && reason ? object : undefined;
    },
    async () => JSON.stringify((await kube.get(kind, name))?.status, null, 1),
  );
}
