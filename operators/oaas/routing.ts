// Keeps the routing table of one replica: reads collections and their meta groups' committed
// generations, on every replica; the leader also writes the table to ConfigMap `oaas-routes`, from
// which a gateway starts while no operator is there.
import type { ConfigMap, Pod } from "kubernetes-types/core/v1.js";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import { FIELD_MANAGERS, LABELS } from "#api/meta/index.ts";
import type { ClassRuntime, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME, ODGM_COLLECTION } from "#api/oaas/v1alpha1/index.ts";
import { ODGM_PORTS } from "#api/workload/odgm.ts";
import { collectionIdentity } from "#controllers/odgm-collection/plan/san.ts";
import type { MemberTarget } from "#controllers/odgm-collection/port.ts";
import { COMPONENT, podSelector } from "#controllers/odgm-collection/render.ts";
import type { CacheView, Client, Live, Manager } from "#controllers/runtime/index.ts";
import { defineKind, KINDS, sleep, systemTimers } from "#controllers/runtime/index.ts";

import type { MemberClient } from "./grpc/member-client.ts";
import type { MemberPool } from "./grpc/member-pool.ts";
import { routedClasses } from "./routed.ts";
import { parseRoutesJson, routesJson, RouteTable } from "./routes.ts";

const COLLECTION = defineKind<OdgmCollection>(ODGM_COLLECTION);
const RUNTIME = defineKind<ClassRuntime>(CLASS_RUNTIME);

/** Name and key of the ConfigMap that gateways start from. */
export const ROUTES_CONFIG_MAP = { name: "oaas-routes", key: "routes.json" } as const;

/** Voters of the meta group are among the members of the lowest ordinals. */
const VOTERS_MAX = 5;
const RETRY_MS = 2_000;

/** Settings and ports of {@link Routing}. */
export interface RoutingOptions {
  readonly manager: Manager;
  readonly namespace: string;
  readonly clusterUid: string;
  /** A pool of its own: it watches the voters only. */
  readonly pool: MemberPool<MemberClient>;
  readonly log: Logger;
}

/** See the head of this file. */
export class Routing {
  readonly table = new RouteTable();
  readonly #options: RoutingOptions;
  readonly #view: CacheView;
  readonly #written: CacheView;
  #scheduled = false;

  constructor(options: RoutingOptions) {
    this.#options = options;
    const pods = `${LABELS.component}=${COMPONENT}`;
    this.#view = options.manager.view([
      { kind: COLLECTION },
      { kind: RUNTIME },
      { kind: KINDS.Pod, labelSelector: pods },
    ]);
    this.#written = options.manager.view([
      {
        kind: KINDS.ConfigMap,
        namespaces: [options.namespace],
        fieldSelector: `metadata.name=${ROUTES_CONFIG_MAP.name}`,
      },
    ]);
  }

  /** Keeps the table until `signal` aborts. Runs on every replica. */
  async keep(signal: AbortSignal): Promise<void> {
    const { pool } = this.#options;
    await Promise.race([this.#synced(), aborted(signal)]);
    if (signal.aborted) return;
    const text = this.#writtenMap()?.data?.[ROUTES_CONFIG_MAP.key];
    const seed = text === undefined ? undefined : parseRoutesJson(text);
    if (seed !== undefined) this.table.seed(seed);
    const stops = [
      this.#view.onChange(() => this.#schedule()),
      pool.subscribe(() => this.#schedule()),
    ];
    this.#update();
    await aborted(signal);
    for (const stop of stops) stop();
    pool.close();
  }

  /** Writes the table whenever it changes until `signal` aborts. Runs on the leader. */
  async write(signal: AbortSignal, client: Client): Promise<void> {
    await Promise.race([this.#written.whenSynced(), aborted(signal)]);
    let wake: () => void = () => undefined;
    const stop = this.table.subscribe(() => wake());
    // Once, and not for each change: a listener of the signal stays as long as the operator runs.
    signal.addEventListener("abort", () => wake(), { once: true });
    while (!signal.aborted) {
      const changed = new Promise<void>((resolve) => (wake = resolve));
      const written = await this.#writeOnce(client);
      if (!written) await sleep(systemTimers, RETRY_MS, signal);
      else await changed;
    }
    stop();
  }

  async #synced(): Promise<void> {
    await Promise.all([this.#view.whenSynced(), this.#written.whenSynced()]);
  }

  #writtenMap(): Live<ConfigMap> | undefined {
    const { namespace } = this.#options;
    return this.#written.reader.get(KINDS.ConfigMap, { namespace, name: ROUTES_CONFIG_MAP.name });
  }

  /** True if the ConfigMap is as it shall be; false to try again. */
  async #writeOnce(client: Client): Promise<boolean> {
    const table = this.table.current();
    if (table === undefined) return false;
    const { namespace, log } = this.#options;
    const text = routesJson(table);
    if (this.#writtenMap()?.data?.[ROUTES_CONFIG_MAP.key] === text) return true;
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: ROUTES_CONFIG_MAP.name,
        namespace,
        labels: { [LABELS.managedBy]: "oaas-operator" },
      },
      data: { [ROUTES_CONFIG_MAP.key]: text },
    };
    try {
      await client.apply(KINDS.ConfigMap, object, { fieldManager: FIELD_MANAGERS.routes });
      return true;
    } catch (cause) {
      log.warn("routes could not be written, trying again", { error: errorMessage(cause) });
      return false;
    }
  }

  /** Many changes of one turn of the event loop make one table. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#update();
    });
  }

  #update(): void {
    const { clusterUid, pool } = this.#options;
    const { reader } = this.#view;
    const collections = reader.list(COLLECTION);
    pool.retain(collections.map(keyOf));
    const classes = routedClasses(reader.list(RUNTIME), collections, (collection) => {
      const key = keyOf(collection);
      pool.views(key, this.#voters(key));
      return pool.committed(key);
    });
    this.table.update(classes, clusterUid);
  }

  #voters(key: { readonly namespace: string; readonly name: string }): readonly MemberTarget[] {
    const identity = collectionIdentity(this.#options.clusterUid, key);
    return this.#view.reader
      .list(KINDS.Pod, { namespace: key.namespace, labels: podSelector(key.name) })
      .filter(running)
      .map((pod) => ({
        ordinal: ordinalOf(pod.metadata.name),
        address: `${bracketed(pod.status?.podIP ?? "")}:${ODGM_PORTS.admin}`,
        identity,
      }))
      .filter(({ ordinal }) => ordinal < VOTERS_MAX);
  }
}

function ordinalOf(podName: string): number {
  return Number(/-(\d+)$/.exec(podName)?.[1] ?? "0");
}

function keyOf({ metadata }: OdgmCollection): {
  readonly namespace: string;
  readonly name: string;
} {
  return { namespace: metadata.namespace ?? "", name: metadata.name ?? "" };
}

function running(pod: Live<Pod>): boolean {
  const { status, metadata } = pod;
  return (
    status?.phase === "Running" &&
    (status.podIP ?? "") !== "" &&
    metadata.deletionTimestamp === undefined
  );
}

function bracketed(ip: string): string {
  return ip.includes(":") ? `[${ip}]` : ip;
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
