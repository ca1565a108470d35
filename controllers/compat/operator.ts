// The class of @dot-i/k8s-operator on this project's engine: same names, signatures and shapes, so
// that an operator moves over by changing one import. What it does with them is in README.md.

import { readFile } from "node:fs/promises";
import type { Agent } from "node:https";

import type { KubeConfig, V1CustomResourceDefinitionVersion } from "@kubernetes/client-node";
import { CoreV1Api } from "@kubernetes/client-node";

import { assert, errorMessage } from "#api/base/index.ts";
import { collectionPath } from "#controllers/runtime/client/paths.ts";

import { AuthSource } from "./auth.ts";
import { registerDefinition } from "./crd.ts";
import { describeMeta, Engine } from "./engine.ts";
import { SharingKubeConfig } from "./kube-config.ts";
import { SILENT, structured } from "./logger.ts";
import type { OperatorLogger, ResourceEvent, ResourceMeta } from "./resource.ts";
import { asKubernetesObject, asLive, ResourceEventType, ResourceMetaImpl } from "./resource.ts";

/** What the original does not have; all of it may be left out. */
export interface OperatorOptions {
  /**
   * Handlers at the same time, over all watches; 8 if not given. Never two for one object of one
   * watch. 1 is the original's strict sequence, in which one slow handler holds up all others.
   */
  readonly concurrency?: number;
}

const CONCURRENCY = 8;

/** Base class for an operator. See README.md for what differs from the original. */
export abstract class Operator {
  /** Credentials come from here, whatever it says at the time; the default one at first. */
  protected kubeConfig: KubeConfig;
  protected logger: OperatorLogger;
  readonly #options: OperatorOptions;
  readonly #auth = new AuthSource();
  #api: CoreV1Api | undefined;
  #engine: Engine | undefined;

  constructor(logger?: OperatorLogger, options: OperatorOptions = {}) {
    this.kubeConfig = new SharingKubeConfig();
    this.kubeConfig.loadFromDefault();
    this.logger = logger ?? SILENT;
    this.#options = options;
    const { concurrency = CONCURRENCY } = options;
    assert(Number.isInteger(concurrency) && concurrency > 0, "concurrency is at least 1");
  }

  /** Runs {@link init}. The operator then works until {@link stop}, whatever the cluster does. */
  async start(): Promise<void> {
    await this.init();
  }

  /**
   * Tells handlers nothing more, lets those at work end (20 s at most) and closes all connections.
   * The process is left to end by itself. A later start begins anew.
   */
  stop(): void {
    const engine = this.#engine;
    this.#engine = undefined;
    void engine?.stop();
  }

  /** Called by {@link start}; declare watches here. */
  protected abstract init(): Promise<void>;

  /** Made on first use; for calls of one's own. */
  protected get k8sApi(): CoreV1Api {
    this.#api ??= this.kubeConfig.makeApiClient(CoreV1Api);
    return this.#api;
  }

  protected set k8sApi(api: CoreV1Api) {
    this.#api = api;
  }

  /**
   * Creates the CustomResourceDefinition of a YAML file, or makes the cluster's one say the same.
   * Rejects with the server's refusal.
   */
  protected async registerCustomResourceDefinition(crdFile: string): Promise<{
    group: string;
    versions: V1CustomResourceDefinitionVersion[];
    plural: string;
  }> {
    const text = await readFile(crdFile, "utf8");
    const { outcome, definition } = await registerDefinition(this.#running().client, text);
    this.logger.info(`${outcome} custom resource definition '${definition.metadata.name ?? ""}'`);
    const { group, versions, names } = definition.spec;
    return { group, versions, plural: names.plural };
  }

  /** The URI of a resource's collection. */
  protected getCustomResourceApiUri(
    group: string,
    version: string,
    plural: string,
    namespace?: string,
  ): string {
    const cluster = this.kubeConfig.getCurrentCluster();
    if (cluster === null) throw new Error("No currently active cluster");
    const kind = { group, version, plural, kind: "", namespaced: true };
    return `${cluster.server.replace(/\/+$/, "")}${collectionPath(kind, namespace ?? "")}`;
  }

  /**
   * Has `onEvent` told of every object there is (ADDED) and of what happens to them from then on.
   * Faults of the cluster are waited out; so is a kind that is not served yet. A handler that
   * rejects is called again, after a pause that doubles from 5 ms to 1,000 s.
   */
  protected watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
    namespace?: string,
  ): Promise<void> {
    this.#running().watch({
      group,
      version,
      plural,
      // A handler that throws before it returns a promise has failed like any other.
      onEvent: async (event) => onEvent(event),
      ...(namespace === undefined ? {} : { namespace }),
    });
    this.logger.info(`watching resource ${plural}.${group === "" ? "" : `${group}/`}${version}`);
    return Promise.resolve();
  }

  /**
   * Replaces the whole status. If the object has changed since `meta`, the status is put on what is
   * there now. Returns the new state's meta, or null if it could not be done, which is then in the
   * log.
   */
  protected setResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    return this.#writeStatus(meta, status, "PUT");
  }

  /** Merges `status` (RFC 7386) into the status; otherwise as {@link setResourceStatus}. */
  protected patchResourceStatus(meta: ResourceMeta, status: unknown): Promise<ResourceMeta | null> {
    return this.#writeStatus(meta, status, "PATCH");
  }

  /**
   * Adds the finalizer to an object that lacks it; of one that is being deleted calls
   * `deleteAction` and then takes the finalizer away, and no other. True if nothing else is to be
   * done about the event. Rejects if the action or a write fails: the handler that passes this on
   * is called again.
   */
  protected handleResourceFinalizer(
    event: ResourceEvent,
    finalizer: string,
    deleteAction: (event: ResourceEvent) => Promise<void>,
  ): Promise<boolean> {
    return this.#mayFloat(this.#finalize(event, finalizer, deleteAction));
  }

  /**
   * Makes the change from the finalizers that `meta`'s state had to these; finalizers that others
   * have set since then stay. Rejects if it cannot be done.
   */
  protected setResourceFinalizers(meta: ResourceMeta, finalizers: string[]): Promise<void> {
    const written = this.#running().writes.setFinalizers(meta, finalizers);
    return this.#mayFloat(written.then(() => undefined));
  }

  /** Puts the kubeconfig's credentials on the settings of an axios request. */
  protected async applyAxiosKubeConfigAuth(request: {
    headers?: Record<string, string | number | boolean>;
    httpsAgent?: unknown;
    auth?: { username: string; password: string };
  }): Promise<void> {
    const { authorization, basic, agent } = await this.#auth.current(this.kubeConfig);
    if (authorization !== undefined) {
      request.headers = { ...request.headers, Authorization: authorization };
    }
    if (basic !== undefined) request.auth = basic;
    if (agent !== undefined) request.httpsAgent = agent;
  }

  /** Puts the kubeconfig's credentials on the settings of a gaxios request. */
  protected async applyGaxiosKubeConfigAuth(options: {
    headers?: Record<string, unknown>;
    agent?: unknown;
  }): Promise<void> {
    const { authorization, basic, agent } = await this.#auth.current(this.kubeConfig);
    const password = basic === undefined ? undefined : `${basic.username}:${basic.password}`;
    const value =
      authorization ??
      (password === undefined ? undefined : `Basic ${Buffer.from(password).toString("base64")}`);
    if (value !== undefined) options.headers = { ...options.headers, Authorization: value };
    if (agent !== undefined) options.agent = agent satisfies Agent;
  }

  async #writeStatus(
    meta: ResourceMeta,
    status: unknown,
    method: "PUT" | "PATCH",
  ): Promise<ResourceMeta | null> {
    try {
      const live = await this.#running().writes.setStatus(meta, status, method);
      return ResourceMetaImpl.createWithId(meta.id, asKubernetesObject(live));
    } catch (cause) {
      this.logger.error(`status of ${describeMeta(meta)} is not written: ${errorMessage(cause)}`);
      return null;
    }
  }

  async #finalize(
    event: ResourceEvent,
    finalizer: string,
    deleteAction: (event: ResourceEvent) => Promise<void>,
  ): Promise<boolean> {
    const { metadata } = event.object;
    if (metadata === undefined || event.type === ResourceEventType.Deleted) return false;
    const object = asLive(event.object);
    const { writes } = this.#running();
    const holds = metadata.finalizers?.includes(finalizer) ?? false;
    if (metadata.deletionTimestamp === undefined) {
      if (holds) return false;
      await writes.addFinalizer(event.meta, object, finalizer);
      return true;
    }
    if (holds) {
      await deleteAction(event);
      await writes.removeFinalizer(event.meta, object, finalizer);
    }
    return true;
  }

  /** A promise that nobody awaits must not end the process; the failure is in the log. */
  #mayFloat<T>(promise: Promise<T>): Promise<T> {
    promise.catch((cause: unknown) => this.logger.error(errorMessage(cause)));
    return promise;
  }

  #running(): Engine {
    this.#engine ??= new Engine({
      kubeConfig: () => this.kubeConfig,
      logger: structured(this.logger),
      concurrency: this.#options.concurrency ?? CONCURRENCY,
    });
    return this.#engine;
  }
}
