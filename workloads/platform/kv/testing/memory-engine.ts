// The engine on a disk in memory: the same code down to the files, with faults on command. For tests
// and for simulations, which give it their clock.
import type { Rng } from "#api/base/index.ts";
import type { KvEngine, Timers } from "#workloads/core/store/index.ts";
import { testCrc32 } from "#workloads/core/store/testing/crc32.ts";
import { MemoryCheckpoint } from "#workloads/core/store/testing/memory-checkpoint.ts";
import { MemoryDisk, Power } from "#workloads/core/store/testing/memory-disk.ts";

import type { EngineLimits } from "../engine-parts.ts";
import { ENGINE_LIMITS } from "../engine-parts.ts";
import type { OpenOutcome } from "../open.ts";
import { openEngine } from "../open.ts";

/** What survives a crash. */
export interface MemoryGround {
  readonly disk: MemoryDisk;
  readonly checkpoint: MemoryCheckpoint;
}

/** How an engine in memory is opened. */
export interface MemoryEngineOptions {
  readonly timers: Timers;
  readonly limits?: Partial<EngineLimits>;
  readonly freeSpace?: () => Promise<boolean>;
}

/** An empty disk. */
export function memoryGround(): MemoryGround {
  const power = new Power();
  return { disk: new MemoryDisk(power), checkpoint: new MemoryCheckpoint(power) };
}

/** What a power failure leaves of it. */
export function crashed(ground: MemoryGround, rng: Rng): MemoryGround {
  const power = new Power();
  return { disk: ground.disk.crash(rng, power), checkpoint: ground.checkpoint.crash(power) };
}

/** Opens what is on the disk; see {@link openEngine}. */
export function openMemoryEngine(
  ground: MemoryGround,
  options: MemoryEngineOptions,
): Promise<OpenOutcome> {
  return openEngine(
    {
      ...ground,
      timers: options.timers,
      crc32: testCrc32,
      limits: { ...ENGINE_LIMITS, segmentBytes: 64 * 1024, ...options.limits },
      freeSpace: options.freeSpace ?? (() => Promise.resolve(false)),
    },
    () => new Uint8Array(8).fill(7),
  );
}

/** An engine on a disk that is well, for tests that need any store. */
export async function memoryEngine(timers: Timers): Promise<KvEngine> {
  const opened = await openMemoryEngine(memoryGround(), { timers });
  if (opened.kind === "damaged") throw new Error(opened.message);
  return opened.engine;
}
