// What the store's engine says of itself, asked at each scrape.
import type { Registry } from "prom-client";
import { Gauge } from "prom-client";

import type { KvEngine, KvStats } from "#workloads/core/store/index.ts";

interface StoreGauge {
  readonly name: string;
  readonly help: string;
  readonly value: (stats: KvStats) => number;
}

const GAUGES: readonly StoreGauge[] = [
  {
    name: "odgm_store_log_bytes",
    help: "Bytes of the log that are not at rest yet",
    value: ({ logBytes }) => logBytes,
  },
  {
    name: "odgm_store_overlay_keys",
    help: "Keys kept in memory until they are at rest",
    value: ({ overlayKeys }) => overlayKeys,
  },
  {
    name: "odgm_store_checkpoints",
    help: "Checkpoints made since the start",
    value: ({ checkpoints }) => checkpoints,
  },
  {
    name: "odgm_store_checkpoint_step_seconds_max",
    help: "Most CPU time that a step of a checkpoint has taken of the event loop",
    value: ({ checkpointStepMsMax }) => checkpointStepMsMax / 1000,
  },
  {
    name: "odgm_store_sync_seconds",
    help: "Time of the last sync of the log",
    value: ({ lastSyncMs }) => lastSyncMs / 1000,
  },
  {
    name: "odgm_store_reader_age_seconds",
    help: "Age of the oldest reader; above 10 s checkpoints wait for it",
    value: ({ readerAgeMs }) => readerAgeMs / 1000,
  },
  {
    name: "odgm_store_damaged_values",
    help: "Values whose checksum did not hold when they were read or scrubbed",
    value: ({ damagedValues }) => damagedValues,
  },
  {
    name: "odgm_store_waits_for_space",
    help: "1 while writes wait because the disk has no room",
    value: ({ waitsForSpace }) => (waitsForSpace ? 1 : 0),
  },
];

/** Adds the gauges of this store; once per registry. */
export function observeStore(registry: Registry, store: KvEngine): void {
  for (const { name, help, value } of GAUGES) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value(store.stats()));
      },
    });
  }
}
