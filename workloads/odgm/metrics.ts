// What the program counts, under Prometheus' naming rules.
import { status } from "@grpc/grpc-js";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { Method } from "#api/gen/oaas-stream_pb.ts";

import type { CommitObserver } from "./committer.ts";
import type { HostStats } from "./raft/stats.ts";
import type { GroupObserver } from "./raft/ports.ts";

/** What the gauges are read from when somebody asks. */
export interface MetricsSource {
  readonly shards: readonly {
    readonly collection: string;
    readonly partition: number;
    readonly objects: number;
  }[];
  readonly storage: { readonly capacityBytes: number; readonly usedBytes: number };
  readonly generation: bigint;
  readonly full: boolean;
  /** Of the Raft groups here. */
  readonly groups: HostStats | undefined;
}

const METHOD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Method).map(([name, number]) => [number, name]),
);
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** The registry of one process. */
export class OdgmMetrics implements CommitObserver, GroupObserver {
  readonly registry = new Registry();
  readonly #calls: Counter<"method" | "code">;
  readonly #commitSeconds: Histogram;
  readonly #commitWrites: Counter;
  readonly #invocationSeconds: Histogram<"function" | "code">;
  readonly #proposals: Counter;
  readonly #entries: Counter;
  readonly #proposedBytes: Counter;
  readonly #raftCommitSeconds: Histogram;
  readonly #leaderChanges: Counter;
  readonly #loopLagSeconds: Histogram;
  readonly #snapshots: Counter<"direction">;
  readonly #snapshotBytes: Counter<"direction">;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#calls = new Counter({
      name: "odgm_calls_total",
      help: "Calls of the data plane by method and gRPC code",
      labelNames: ["method", "code"],
      registers,
    });
    this.#commitSeconds = new Histogram({
      name: "odgm_commit_seconds",
      help: "Time of a group commit until it was durable",
      buckets: SECONDS,
      registers,
    });
    this.#commitWrites = new Counter({
      name: "odgm_commit_writes_total",
      help: "Records written by group commits",
      registers,
    });
    this.#invocationSeconds = new Histogram({
      name: "odgm_invocation_seconds",
      help: "Time of calls of functions by function and gRPC code",
      labelNames: ["function", "code"],
      buckets: SECONDS,
      registers,
    });
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.#proposals = counter("odgm_raft_proposals_total", "Commands proposed to Raft groups");
    this.#entries = counter("odgm_raft_entries_total", "Entries that they were proposed in");
    this.#proposedBytes = counter("odgm_raft_proposed_bytes_total", "Bytes of these commands");
    this.#leaderChanges = counter(
      "odgm_raft_leader_changes_total",
      "Times that a replica here learned of another leader, or of none",
    );
    this.#raftCommitSeconds = new Histogram({
      name: "odgm_raft_commit_seconds",
      help: "Time from the proposal of a command here until it was committed and applied",
      buckets: SECONDS,
      registers,
    });
    this.#loopLagSeconds = new Histogram({
      name: "odgm_loop_lag_seconds",
      help: "How much later than every 50 ms the event loop got to the tick",
      buckets: SECONDS,
      registers,
    });
    const labelNames = ["direction"] as const;
    this.#snapshots = new Counter({
      name: "odgm_raft_snapshots_total",
      help: "Snapshots that went to or came from other members",
      labelNames,
      registers,
    });
    this.#snapshotBytes = new Counter({
      name: "odgm_raft_snapshot_bytes_total",
      help: "Their bytes",
      labelNames,
      registers,
    });
  }

  /** Adds the gauges; `read` is called at each scrape. */
  observe(read: () => MetricsSource): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, value: (source: MetricsSource) => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(value(read()));
        },
      });
    };
    gauge("odgm_generation", "Generation in force", (source) => Number(source.generation));
    gauge("odgm_storage_capacity_bytes", "Capacity", (source) => source.storage.capacityBytes);
    gauge("odgm_storage_used_bytes", "Used bytes", (source) => source.storage.usedBytes);
    const raft = (name: string, help: string, value: (stats: HostStats) => number): void =>
      gauge(name, help, ({ groups }) => (groups === undefined ? 0 : value(groups)));
    raft("odgm_raft_groups", "Replicas of Raft groups here", ({ groups }) => groups);
    raft("odgm_raft_groups_awake", "Those that tick", ({ awake }) => awake);
    raft("odgm_raft_groups_leading", "Those that lead their group", ({ leading }) => leading);
    raft("odgm_raft_apply_lag", "Entries committed, not applied here", ({ applyLag }) => applyLag);
    raft("odgm_raft_queue_bytes", "Bytes sent to members, unanswered", (stats) => stats.queueBytes);
    gauge("odgm_storage_full", "1 while growth is refused", (source) => (source.full ? 1 : 0));
    new Gauge({
      name: "odgm_objects",
      help: "Objects that exist, by collection and partition",
      labelNames: ["collection", "partition"],
      registers,
      collect() {
        this.reset();
        for (const { collection, partition, objects } of read().shards) {
          this.set({ collection, partition: String(partition) }, objects);
        }
      },
    });
  }

  /** A call has ended. */
  called(method: Method, code: status): void {
    this.#calls.inc({ method: METHOD_NAMES.get(method) ?? "UNKNOWN", code: status[code] });
  }

  /** A function has answered. */
  invoked(fn: string, result: { readonly status: number; readonly milliseconds: number }): void {
    const code = status[result.status] ?? "UNKNOWN";
    this.#invocationSeconds.observe({ function: fn, code }, result.milliseconds / 1000);
  }

  proposed(commands: number, bytes: number): void {
    this.#proposals.inc(commands);
    this.#entries.inc();
    this.#proposedBytes.inc(bytes);
  }

  commandApplied(milliseconds: number): void {
    this.#raftCommitSeconds.observe(milliseconds / 1000);
  }

  leaderChanged(): void {
    this.#leaderChanges.inc();
  }

  loopLag(milliseconds: number): void {
    this.#loopLagSeconds.observe(milliseconds / 1000);
  }

  snapshot(direction: "sent" | "received", bytes: number): void {
    this.#snapshots.inc({ direction });
    this.#snapshotBytes.inc({ direction }, bytes);
  }

  committed(writes: number, milliseconds: number): void {
    this.#commitSeconds.observe(milliseconds / 1000);
    this.#commitWrites.inc(writes);
  }
}
