// Never two reconciles of one key at once. Within a pass every function works on what the pass saw
// last; if a function of a key is called with an older picture than the newest one of that key in
// the same process, two passes ran into each other.
import type { AnyController } from "#controllers/runtime/index.ts";
import { keyText } from "#controllers/runtime/index.ts";

import type { SimProcess } from "../world/process.ts";
import type { Invariant, Violated } from "./invariant.ts";

interface Picture {
  readonly key: string;
}

function probe(
  controller: AnyController,
  newest: Map<string, object>,
  violated: Violated,
): AnyController {
  const pictures = new WeakMap<object, Picture>();
  const { spec } = controller;
  const check = (observed: unknown, where: string): void => {
    if (typeof observed !== "object" || observed === null) return;
    const picture = pictures.get(observed);
    if (picture === undefined || newest.get(picture.key) === observed) return;
    violated(`${controller.name} ${picture.key}: ${where} works on an older picture`);
  };
  return {
    ...controller,
    spec: {
      ...spec,
      async observe(key, reader, port) {
        const observed = await spec.observe(key, reader, port);
        if (typeof observed !== "object" || observed === null) return observed;
        const text = `${controller.kind.kind}/${keyText(key)}`;
        pictures.set(observed, { key: text });
        newest.set(text, observed);
        return observed;
      },
      plan(observed, now, defaults) {
        check(observed, "plan");
        return spec.plan(observed, now, defaults);
      },
      computeStatus(observed, plan, outcome, now) {
        check(observed, "computeStatus");
        return spec.computeStatus(observed, plan, outcome, now);
      },
    },
  };
}

/** See the head of this file. */
export const onePass: Invariant = {
  name: "one-pass",
  source: "operators.md section 6: never two reconciles of one key",
  begin(world, violated) {
    const newest = new WeakMap<SimProcess, Map<string, object>>();
    world.probes.push((controller, process) => {
      const mine = newest.get(process) ?? new Map<string, object>();
      newest.set(process, mine);
      return probe(controller, mine, violated);
    });
    return undefined;
  },
};
