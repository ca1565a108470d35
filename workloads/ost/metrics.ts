// What one target counts. Counters that move with every request are plain numbers, read when
// Prometheus asks.
import { Counter, Gauge, Histogram, Registry } from "prom-client";

import type { CommandName } from "#workloads/core/ost/index.ts";

/** What the store can tell at any time. */
export interface StoreGauges {
  readonly objects: number;
  readonly usedBytes: number;
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly announcedGroups: number;
  readonly failed: boolean;
}

type Result = "ok" | "error" | "busy";

const EBUSY = -16;

/** Counts cheaply on the path of a request; names begin with `rawstor_ost_`. */
export class OstMetrics {
  readonly registry = new Registry();
  connections = 0;
  readonly #requests = new Map<string, number>();
  #readBytes = 0;
  #writeBytes = 0;
  readonly #syncSeconds: Histogram;
  readonly #resealed: Counter;
  readonly #damaged: Counter;

  constructor() {
    const registers = [this.registry];
    this.#syncSeconds = new Histogram({
      name: "rawstor_ost_sync_seconds",
      help: "Duration of fdatasync; one serves many writes",
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1, 5],
      registers,
    });
    this.#resealed = new Counter({
      name: "rawstor_ost_resealed_blocks_total",
      help: "Blocks torn by a crash and sealed again at start",
      registers,
    });
    this.#damaged = new Counter({
      name: "rawstor_ost_damaged_reads_total",
      help: "Reads refused because a block does not match its checksum",
      registers,
    });
    this.#collected(registers);
  }

  #collected(registers: Registry[]): void {
    const requests = this.#requests;
    new Counter({
      name: "rawstor_ost_requests_total",
      help: "Requests answered, by command and result",
      labelNames: ["command", "result"],
      registers,
      collect() {
        this.reset();
        for (const [key, count] of requests) {
          const [command = "", result = ""] = key.split(" ");
          this.inc({ command, result }, count);
        }
      },
    });
    const bytes = () => ({ read: this.#readBytes, write: this.#writeBytes });
    new Counter({
      name: "rawstor_ost_payload_bytes_total",
      help: "Payload bytes of answered READ and WRITE",
      labelNames: ["direction"],
      registers,
      collect() {
        this.reset();
        const { read, write } = bytes();
        this.inc({ direction: "read" }, read);
        this.inc({ direction: "write" }, write);
      },
    });
    const connections = () => this.connections;
    new Gauge({
      name: "rawstor_ost_connections",
      help: "Open connections of the Rawstor protocol",
      registers,
      collect() {
        this.set(connections());
      },
    });
  }

  /** Reads the store's gauges at every scrape. */
  watch(read: () => Promise<StoreGauges>): void {
    const gauge = (name: string, help: string, pick: (gauges: StoreGauges) => number) =>
      new Gauge({
        name: `rawstor_ost_${name}`,
        help,
        registers: [this.registry],
        async collect() {
          this.set(pick(await read()));
        },
      });
    gauge("objects", "Objects on the target", ({ objects }) => objects);
    gauge("used_bytes", "Sum of the sizes of all objects", ({ usedBytes }) => usedBytes);
    gauge("capacity_bytes", "What LOCATION_INFO calls total", ({ capacityBytes }) => capacityBytes);
    gauge("available_bytes", "Free space of the file system", (g) => g.availableBytes);
    gauge("announced_groups", "2 MiB groups to check after a crash", (g) => g.announcedGroups);
    gauge("failed", "1 after a failed sync: no writes until restart", (g) => (g.failed ? 1 : 0));
  }

  answered(command: CommandName, result: number): void {
    const kind: Result = result >= 0 ? "ok" : result === EBUSY ? "busy" : "error";
    const key = `${command} ${kind}`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    if (result > 0 && command === "read") this.#readBytes += result;
    if (result > 0 && command === "write") this.#writeBytes += result;
  }

  syncTook(ms: number): void {
    this.#syncSeconds.observe(ms / 1000);
  }

  resealed(blocks: number): void {
    this.#resealed.inc(blocks);
  }

  damaged(): void {
    this.#damaged.inc();
  }
}
