// The operator's part in a collection of real members: its own plan of the next generation, from
// what the members say, proposed and handed out step by step.
import { setTimeout as delay } from "node:timers/promises";

import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import type { WantedCollection } from "#controllers/odgm-collection/plan/assignment.ts";
import { nextGeneration } from "#controllers/odgm-collection/plan/assignment.ts";
import type { GroupSeen } from "#controllers/odgm-collection/plan/groups.ts";
import { groupsSeen, isWhole } from "#controllers/odgm-collection/plan/groups.ts";
import type { MemberSeen, Observed } from "#controllers/odgm-collection/plan/observed.ts";
import { slotsSeen } from "#controllers/odgm-collection/plan/slots.ts";
import { GrpcFailure } from "#workloads/platform/index.ts";

import type { Grid, MemberPod } from "./members.ts";
import { COLLECTION } from "./members.ts";

/** Between two passes. */
const PASS_MS = 30;
const CALL = { timeoutMs: 2_000 };

/** What the collection shall be. */
export interface Shape {
  readonly shardType: "Basic" | "Raft";
  readonly replicas: number;
  readonly partitions: number;
  readonly resolvedClassJson: string;
  readonly options: Readonly<Record<string, string>>;
}

/** See the top of the file. */
export class Expander {
  readonly #grid: Grid;
  readonly #incarnations: readonly string[];
  readonly #onGeneration: (spec: CollectionSpec) => Promise<void> | void;
  #shape: Shape;
  #isOver = false;
  #told = 0n;
  #running: Promise<void> = Promise.resolve();
  committed: CollectionSpec | undefined;
  groups: readonly GroupSeen[] = [];

  /** `onGeneration` hears of each one after it was committed and handed out. */
  constructor(
    grid: Grid,
    incarnations: readonly string[],
    options: {
      readonly shape: Shape;
      readonly onGeneration: (spec: CollectionSpec) => Promise<void> | void;
    },
  ) {
    this.#grid = grid;
    this.#incarnations = incarnations;
    this.#shape = options.shape;
    this.#onGeneration = options.onGeneration;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** From now on. */
  want(change: Partial<Shape>): void {
    this.#shape = { ...this.#shape, ...change };
  }

  /** Every partition is there, and no slot is on its way. */
  get isDone(): boolean {
    const { committed, groups } = this;
    if (committed?.partitions.length !== this.#shape.partitions) return false;
    return committed.moves.length === 0 && groups.every((group) => !group.empty && isWhole(group));
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#pass();
      } catch (cause: unknown) {
        // A member that was just killed; the next pass sees it.
        if (!(cause instanceof GrpcFailure)) throw cause;
      }
      await delay(PASS_MS);
    }
  }

  async #pass(): Promise<void> {
    const members = new Map(
      await Promise.all(
        this.#grid.pods.map(async (pod) => [pod.ordinal, await seen(pod)] as const),
      ),
    );
    const statuses = [...members.values()].flatMap((one) =>
      one.kind === "known" ? [one.status] : [],
    );
    const committed = newest(statuses);
    this.committed = committed;
    const { partitions } = this.#shape;
    // Of all that was observed only the members are looked at.
    const observed = { members } as unknown as Observed;
    this.groups = groupsSeen(observed, committed, partitions);
    const next = nextGeneration(committed, this.#wanted(observed, committed));
    if (next.kind === "refused") throw new Error(next.message);
    if (next.kind === "propose") {
      const leader = statuses.find(({ meta }) => meta !== undefined && meta.leader !== "");
      const at = this.#grid.pods.find(
        ({ ordinal }) => this.#incarnations[ordinal] === leader?.meta?.leader,
      );
      const expectedGeneration = committed?.generation ?? 0n;
      const to = at ?? this.#grid.pod(0);
      await to.admin.propose({ expectedGeneration, wanted: next.spec }, CALL);
    }
    for (const { ordinal, admin } of this.#grid.pods) {
      const member = members.get(ordinal);
      const isBehind = member?.kind === "known" && member.status.generation < next.spec.generation;
      if (isBehind) await admin.apply({ spec: next.spec }, CALL);
    }
    // An answer may be lost: what was handed out is told once, by a pass that got so far.
    if (next.spec.generation === this.#told) return;
    this.#told = next.spec.generation;
    await this.#onGeneration(next.spec);
  }

  #wanted(observed: Observed, committed: CollectionSpec | undefined): WantedCollection {
    const { shardType, replicas, partitions, resolvedClassJson, options } = this.#shape;
    const settled = this.groups.filter((group) => group.settled);
    return {
      collection: COLLECTION,
      package: "shop",
      partitioning: "Hashed",
      ...{ shardType, replicas, partitions, resolvedClassJson, options },
      persistent: true,
      disabled: false,
      functions: [],
      members: this.#grid.pods.map(({ ordinal, odgm }) => ({
        environment: "default",
        ordinal,
        incarnation: this.#incarnations[ordinal] ?? "",
        linkAddress: odgm.at("link"),
        dataUrl: `http://${odgm.at("grpc")}`,
      })),
      leaving: new Set(),
      settled: new Set(settled.map(({ partition }) => partition)),
      isWell: this.groups.every(isWhole),
      moving: slotsSeen(observed, committed),
    };
  }
}

async function seen({ admin }: MemberPod): Promise<MemberSeen> {
  try {
    return { kind: "known", status: await admin.getStatus({}, CALL) };
  } catch (cause: unknown) {
    if (!(cause instanceof GrpcFailure)) throw cause;
    return { kind: "unreachable", message: cause.message };
  }
}

function newest(statuses: readonly MemberStatus[]): CollectionSpec | undefined {
  return statuses.reduce<CollectionSpec | undefined>((best, { committed }) => {
    if (committed === undefined) return best;
    return best === undefined || committed.generation > best.generation ? committed : best;
  }, undefined);
}
