// No hot loop: what a process sends and how often it reconciles one object is bounded per simulated
// minute, whatever happens. A loop in which no time passes at all ends the run at once.
import type { AnyController } from "../../../controller/types.ts";
import { keyText } from "../../../kinds/kind.ts";
import type { SimProcess } from "../process.ts";
import type { Invariant, Violated } from "../types.ts";
import type { SimWorld } from "../world.ts";

const WINDOW_MS = 60_000;
/** Passes of one object; a backoff from 5 ms on makes about 14 attempts before it reaches 60 s. */
const PASSES_MAX = 240;
/** Requests of one process per object that there is. */
const REQUESTS_PER_OBJECT = 60;
const REQUESTS_BASE = 600;

class Meter {
  #windowAtMs = 0;
  #count = 0;

  /** How many times in this minute. */
  hit(nowMs: number): number {
    if (nowMs - this.#windowAtMs >= WINDOW_MS) {
      this.#windowAtMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count;
  }
}

function probe(controller: AnyController, process: SimProcess, violated: Violated): AnyController {
  const meters = new Map<string, Meter>();
  const { spec } = controller;
  return {
    ...controller,
    spec: {
      ...spec,
      observe(key, reader, port) {
        const text = keyText(key);
        const meter = meters.get(text) ?? new Meter();
        meters.set(text, meter);
        const passes = meter.hit(process.monotonicMs());
        if (passes >= PASSES_MAX) {
          violated(`${process.identity} ${controller.name} ${text}: ${PASSES_MAX} passes a minute`);
          process.kill();
        }
        return spec.observe(key, reader, port);
      },
    },
  };
}

/** See the head of this file. */
export const boundedWork: Invariant<SimWorld> = {
  name: "bounded-work",
  source: "issue 4, shown by 3: no hot loop, requests per minute bounded",
  begin(world, violated) {
    const meters = new WeakMap<SimProcess, Meter>();
    world.probes.push((controller, process) => probe(controller, process, violated));
    world.witnesses.push((process) => {
      const meter = meters.get(process) ?? new Meter();
      meters.set(process, meter);
      const sent = meter.hit(world.clock.monotonicMs());
      const objects = world.server.storage.size;
      if (sent < REQUESTS_BASE + REQUESTS_PER_OBJECT * objects) return;
      violated(`${process.identity} sent ${sent} requests in a minute, with ${objects} objects`);
      process.kill();
    });
    return undefined;
  },
};
