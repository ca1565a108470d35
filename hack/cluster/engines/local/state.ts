// What is remembered about local clusters on this machine: one folder per cluster with
// cluster.json, and slots.json, which says whose slot is whose. Both are written by rename.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { cachesFolder } from "../../build/binaries.ts";
import type { DiskSpec } from "../../engine.ts";
import { withLock } from "../../lock.ts";
import { check, ClusterError } from "../../run.ts";
import type { CommandRunner } from "../../run.ts";
import { API_PORT, chooseSlot, SLOT_COUNT } from "./layout.ts";

/** What `up` was asked for and how far it came. */
export interface ClusterState {
  readonly name: string;
  readonly slot: number;
  readonly nodeCount: number;
  readonly controllerManager: boolean;
  readonly audit: boolean;
  readonly disks: Required<DiskSpec>;
  /** `starting` until everything was ready once; such a folder after a crash is a leftover. */
  readonly phase: "starting" | "up";
  /** Nodes that were switched off or unplugged on purpose. */
  readonly away: Readonly<Record<string, "stopped" | "cut">>;
  /** Whoever brought it up for itself alone and may end before it could take it down again. */
  readonly owner?: string;
}

/** Parent of all local clusters' folders; outside of the checkout, one per user. */
export function stateBase(): string {
  const own = process.env["OAAS_STATE_DIR"];
  if (own !== undefined) return own;
  return process.getuid?.() === 0 ? "/var/lib/oaas-operator" : join(cachesFolder(), "clusters");
}

/** The state of cluster `name`, or nothing. A half-written file does not exist by construction. */
export function readState(base: string, name: string): ClusterState | undefined {
  const path = join(base, name, "cluster.json");
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, "utf8")) as ClusterState;
}

/** Replaces the state of a cluster. */
export function writeState(base: string, state: ClusterState): void {
  const folder = join(base, state.name);
  mkdirSync(folder, { recursive: true });
  writeJson(join(folder, "cluster.json"), state);
}

/** Names of all clusters with a folder. */
export function clusterNames(base: string): readonly string[] {
  if (!existsSync(base)) return [];
  return readdirSync(base).filter((name) => existsSync(join(base, name, "cluster.json")));
}

/** Names of the clusters with this owner. */
export function clustersOf(base: string, owner: string): readonly string[] {
  return clusterNames(base).filter((name) => readState(base, name)?.owner === owner);
}

/** The slot of cluster `name`; takes a free one if it has none. */
export async function allocateSlot(
  runner: CommandRunner,
  base: string,
  name: string,
): Promise<number> {
  return await withLock("slots", { deadlineMs: 30_000 }, async () => {
    const slots = readSlots(base);
    for (const [slot, owner] of Object.entries(slots)) if (owner === name) return Number(slot);
    const taken = new Set(Object.keys(slots).map(Number));
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (!taken.has(slot) && (await inUse(slot))) taken.add(slot);
    }
    const routes = process.platform === "linux" ? await hostRoutes(runner) : [];
    const slot = chooseSlot(taken, routes);
    if (slot === undefined) {
      const owners = Object.values(slots).join(", ");
      throw new ClusterError(
        "CLUSTER_HOST",
        `no free network: routes of this host or clusters (${owners}) take all of 10.176.0.0/12; ` +
          `npm run cluster -- down --name NAME frees one`,
      );
    }
    writeSlots(base, { ...slots, [slot]: name });
    return slot;
  });
}

/** The slot that `name` holds, if any. */
export function slotOf(base: string, name: string): number | undefined {
  const entry = Object.entries(readSlots(base)).find(([, owner]) => owner === name);
  return entry === undefined ? undefined : Number(entry[0]);
}

/** Gives the slot of `name` back and removes the folder; the last act of `down`. */
export async function forget(base: string, name: string): Promise<void> {
  await withLock("slots", { deadlineMs: 30_000 }, async () => {
    rmSync(join(base, name), { recursive: true, force: true });
    const left = Object.entries(readSlots(base)).filter(([, owner]) => owner !== name);
    if (left.length > 0) {
      writeSlots(base, Object.fromEntries(left));
    } else {
      rmSync(join(base, "slots.json"), { force: true });
      if (existsSync(base) && readdirSync(base).length === 0) rmdirSync(base);
    }
    await Promise.resolve();
  });
}

function readSlots(base: string): Readonly<Record<string, string>> {
  const path = join(base, "slots.json");
  if (!existsSync(path)) return {};
  return JSON.parse(readFileSync(path, "utf8")) as Readonly<Record<string, string>>;
}

function writeSlots(base: string, slots: Readonly<Record<string, string>>): void {
  mkdirSync(base, { recursive: true });
  writeJson(join(base, "slots.json"), slots);
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.part`, `${JSON.stringify(value, undefined, 2)}\n`);
  renameSync(`${path}.part`, path);
}

async function hostRoutes(runner: CommandRunner): Promise<readonly string[]> {
  const result = await runner.run(["ip", "-4", "route", "show", "table", "all"]);
  if (result.code === 127) return [];
  const shown = await check({ run: () => Promise.resolve(result) }, ["ip", "-4", "route"]);
  return shown.stdout.split("\n").map((line) => line.trim().split(/\s+/)[0] ?? "");
}

/**
 * Another user's cluster has the slot if its control plane answers on the slot's loopback address.
 */
async function inUse(slot: number): Promise<boolean> {
  const answers = await Promise.all([2379, API_PORT].map((port) => listens(slot, port)));
  return answers.includes(true);
}

function listens(slot: number, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: `127.77.${slot}.1`, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
