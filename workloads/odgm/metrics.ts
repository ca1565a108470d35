// What the program counts, under Prometheus' naming rules.
import { status } from "@grpc/grpc-js";
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { Method } from "#api/gen/oaas-stream_pb.ts";

import type { CommitObserver } from "./committer.ts";

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
}

const METHOD_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(Method).map(([name, number]) => [number, name]),
);
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** The registry of one process. */
export class OdgmMetrics implements CommitObserver {
  readonly registry = new Registry();
  readonly #calls: Counter<"method" | "code">;
  readonly #commitSeconds: Histogram;
  readonly #commitWrites: Counter;
  readonly #invocationSeconds: Histogram<"function" | "code">;

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

  committed(writes: number, milliseconds: number): void {
    this.#commitSeconds.observe(milliseconds / 1000);
    this.#commitWrites.inc(writes);
  }
}
