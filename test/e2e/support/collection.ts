// A collection that a test applies by itself, and its objects through the gateway.
import type { AnyObject, Condition } from "./kube.ts";
import { condition, eventually } from "./kube.ts";
import type { World } from "./world.ts";

/** A call's own time; what the gateway says in the end is wanted, so it is less than ours. */
const DEADLINE_MS = 3_000;
const PATIENCE_MS = 5_000;
/** Members are asked every second; a member that is silent for as long again is missed. */
const NOTICED_MS = 2_500;

/** One OdgmCollection by name. */
export class Collection {
  readonly #world: World;
  readonly #name: string;
  #class = "";

  constructor(world: World, name: string) {
    this.#world = world;
    this.#name = name;
  }

  async apply(spec: Readonly<Record<string, unknown>>): Promise<void> {
    this.#class = String(spec["collection"]);
    const metadata = { name: this.#name };
    const head = { apiVersion: "oaas.io/v1alpha1", kind: "OdgmCollection", metadata };
    await this.#world.kube.apply(JSON.stringify({ ...head, spec }));
  }

  async get(): Promise<AnyObject> {
    const found = await this.#world.kube.get("odgmcollection", this.#name);
    if (found === undefined) throw new Error(`there is no collection ${this.#name}`);
    return found;
  }

  /**
   * Waits until every replica of every partition is where it shall be and nothing goes on, and it is
   * still so a while later: what has just broken shows in status only when somebody has noticed.
   */
  async whole(deadlineMs: number, nodes: number): Promise<void> {
    let since: number | undefined;
    await eventually(
      `all replicas on ${nodes} nodes`,
      deadlineMs,
      async () => {
        const isWhole = this.#isWhole(await this.get(), nodes);
        since = isWhole ? (since ?? performance.now()) : undefined;
        return since !== undefined && performance.now() - since > NOTICED_MS ? true : undefined;
      },
      async () => JSON.stringify((await this.get()).status, null, 1),
    );
  }

  #isWhole(found: AnyObject, nodes: number): boolean {
    const { nodeCount, observedGeneration } = found.status ?? {};
    const isThere = nodeCount === nodes && observedGeneration === found.metadata.generation;
    const told = (type: string): string | undefined => condition(found, type)?.status;
    const isWell = told("Ready") === "True" && told("FullyReplicated") === "True";
    return (
      isThere && isWell && told("Rebalancing") === "False" && told("Reconciling") === undefined
    );
  }

  /** Waits until it is not Ready for this reason. */
  async notReady(reason: string, deadlineMs: number): Promise<Condition> {
    return await eventually(
      `Ready=False ${reason}`,
      deadlineMs,
      async () => {
        const found = condition(await this.get(), "Ready");
        return found?.status === "False" && found.reason === reason ? found : undefined;
      },
      async () => JSON.stringify((await this.get()).status, null, 1),
    );
  }

  /** Waits until the message of a condition contains this. */
  async says(type: string, text: string, deadlineMs: number): Promise<void> {
    await eventually(
      `${type}: ${text}`,
      deadlineMs,
      async () => {
        const found = condition(await this.get(), type);
        return found?.message.includes(text) === true ? true : undefined;
      },
      async () => JSON.stringify((await this.get()).status, null, 1),
    );
  }

  /** Waits until every member leads its share of the partitions, or not. */
  async balanced(isSo: boolean, deadlineMs: number): Promise<void> {
    await eventually(
      `leadersBalanced: ${isSo}`,
      deadlineMs,
      async () => ((await this.get()).status?.["leadersBalanced"] === isSo ? true : undefined),
      async () => JSON.stringify((await this.get()).status, null, 1),
    );
  }

  /** What its stores were named when they were formatted, as the record has them. */
  async incarnations(): Promise<readonly string[]> {
    const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
    const records = await this.#world.kube.list("configmaps");
    const record = records.find((one) => one.metadata.name.endsWith("-identity"));
    return JSON.stringify(record?.data ?? {}).match(uuid) ?? [];
  }

  /** Stores an object; `200`, or status and code of the refusal. Through this node's port. */
  async put(id: string, node?: string): Promise<string> {
    const body = JSON.stringify({ entries: { v: { data: "eA==", type: 0 } } });
    return await this.#call("PUT", id, node, body);
  }

  /** Removes an object; `204`, or status and code of the refusal. */
  async remove(id: string): Promise<string> {
    return await this.#call("DELETE", id, undefined);
  }

  async #call(method: string, id: string, node?: string, body?: string): Promise<string> {
    const { gateways } = this.#world;
    const address = node === undefined ? [...gateways.values()][0] : gateways.get(node);
    const url = `http://${address}/api/class/${this.#class}/objects/${id}`;
    const response = await fetch(url, {
      method,
      headers: { "content-type": "application/json", "x-oprc-timeout-ms": String(DEADLINE_MS) },
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (response.ok) return String(response.status);
    const { error } = JSON.parse(text) as { readonly error?: { readonly code?: string } };
    return `${response.status} ${error?.code}`;
  }
}
