// Never two reconciles of one key at once. Within a pass every function works on what the pass saw
// last; if a function of a key is called with an older picture than the newest one of that key in
// the same process, two passes ran into each other.
import type { AnyController } from "../../../controller/types.ts";
import { keyText } from "../../../kinds/kind.ts";
import type { SimProcess } from "../process.ts";
import type { Invariant, Violated } from "../types.ts";
import type { SimWorld } from "../world.ts";

function probe(
  controller: AnyController,
  newest: Map<string, object>,
  violated: Violated,
): AnyController {
  const pictures = new WeakMap<object, string>();
  const { spec } = controller;
  const check = (observed: unknown, where: string): void => {
    if (typeof observed !== "object" || observed === null) return;
    const key = pictures.get(observed);
    if (key === undefined || newest.get(key) === observed) return;
    violated(`${controller.name} ${key}: ${where} works on an older picture`);
  };
  return {
    ...controller,
    spec: {
      ...spec,
      async observe(key, reader, port) {
        const observed = await spec.observe(key, reader, port);
        if (typeof observed !== "object" || observed === null) return observed;
        const text = `${controller.kind.kind}/${keyText(key)}`;
        pictures.set(observed, text);
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
export const onePass: Invariant<SimWorld> = {
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
