// The simulator on the small operator of this folder: clean without a bug, and each invariant says so
// if there is one. The runs are short; test/simulation runs the real operators.
import { describe, expect, it } from "@jest/globals";

import type { AnyController, Source } from "../../controller/types.ts";
import type { Live } from "../../kinds/kind.ts";
import type { Widget, WidgetPort } from "../widgets.ts";
import { inShop, WIDGET, widget, widgetController } from "../widgets.ts";
import { simulate } from "./simulate.ts";
import type { Action, Simulation, SimulationReport } from "./types.ts";
import type { SimWorld } from "./world.ts";

const NAMES = ["a", "b"];
const SEEDS = [1, 2, 3, 4];

const ACTIONS: readonly Action<SimWorld>[] = [
  {
    name: "apply",
    weight: 3,
    run({ server }, dice) {
      const name = dice.pick(NAMES);
      const text = `text-${dice.int(1, 3)}`;
      server.userApply(WIDGET, widget(name, { text, service: dice.chance(0.5) }));
      return `${name} ${text}`;
    },
  },
  {
    name: "delete",
    run({ server }, dice) {
      const name = dice.pick(NAMES);
      if (server.read(WIDGET, inShop(name)) !== undefined) server.userDelete(WIDGET, inShop(name));
      return name;
    },
  },
];

function simulation(
  seed: number,
  changes: Partial<Simulation<SimWorld>> = {},
): Simulation<SimWorld> {
  const port: WidgetPort = { calls: [], fail: false };
  return {
    seed,
    kinds: [WIDGET],
    controllers: () => [widgetController(port)],
    actions: ACTIONS,
    ...changes,
  };
}

function broken(change: (spec: AnyController["spec"]) => Partial<AnyController["spec"]>) {
  return {
    sabotage: {
      controllers: (all: readonly AnyController[]) =>
        all.map((one) => ({ ...one, spec: { ...one.spec, ...change(one.spec) } })),
    },
  };
}

async function names(changes: Partial<Simulation<SimWorld>>): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const seed of SEEDS) {
    const { violations } = await simulate(simulation(seed, changes));
    for (const text of violations) found.add(text.slice(0, text.indexOf(":")));
  }
  return found;
}

describe("a simulation", () => {
  it("of a right operator violates nothing, and faults were injected", async () => {
    const reports: SimulationReport[] = [];
    for (const seed of SEEDS) reports.push(await simulate(simulation(seed)));
    expect(reports.flatMap(({ violations }) => violations)).toEqual([]);
    expect(reports.reduce((sum, { writes }) => sum + writes, 0)).toBeGreaterThan(SEEDS.length);
    const faults = reports.flatMap((report) => Object.keys(report.faults));
    expect(new Set(faults).size).toBeGreaterThan(8);
  });

  it("replays to the last request", async () => {
    const first = await simulate(simulation(3, { traceAll: true }));
    const again = await simulate(simulation(3, { traceAll: true }));
    const other = await simulate(simulation(4));
    expect(again).toEqual(first);
    expect(other.digest).not.toBe(first.digest);
  });

  it("sees a status that differs each time, without running for ever", async () => {
    const found = await names(
      broken((spec) => ({
        requeueAfterMs: () => 5_000,
        computeStatus(observed, plan, outcome, now) {
          const draft = spec.computeStatus(observed, plan, outcome, now);
          const conditions = draft.conditions.map((one) => ({
            ...one,
            message: now.toISOString(),
          }));
          return { ...draft, conditions };
        },
      })),
    );
    expect(found).toContain("no-write-without-difference");
  });

  it("sees children that outlive their owner", async () => {
    const found = await names(
      broken((spec) => ({
        render(observed, plan, defaults) {
          const rendered = spec.render(observed, plan, defaults);
          if (!Array.isArray(rendered)) return rendered;
          return rendered.map((child: object) => ({
            object: "object" in child ? (child as { readonly object: object }).object : child,
            ownership: "Label",
          })) as ReturnType<typeof spec.render>;
        },
      })),
    );
    expect(found).toContain("no-leak");
  });

  it("sees two processes that write at once", async () => {
    expect(await names({ sabotage: { withoutLease: true } })).toContain("lease");
  });

  it("sees a controller that writes into the user's object", async () => {
    const found = await names({
      sabotage: {
        request(request) {
          if (request.method !== "PATCH" || !request.path.endsWith("/status")) return request;
          const { status: _status, ...body } = request.body as Live<Widget>;
          const spec = { text: "mine" };
          return { ...request, path: request.path.slice(0, -7), body: { ...body, spec } };
        },
      },
    });
    expect(found).toContain("user-fields");
  });

  it("sees two passes of one object at once", async () => {
    const twin = (one: AnyController): AnyController => ({
      ...one,
      name: "twin",
      spec: { ...one.spec, name: "twin" },
    });
    const found = await names({
      sabotage: { controllers: (all) => [...all, ...all.map(twin)] },
    });
    expect(found).toContain("one-pass");
  });

  it("sees a loop that never rests", async () => {
    const port: WidgetPort = { calls: [], fail: false };
    const found = await names({
      controllers({ process, client }) {
        const one = widgetController(port);
        const source: Source = {
          start() {
            const again = (): void => {
              void client.get(WIDGET, inShop("a")).then(
                () => process.schedule(20, again),
                () => process.schedule(20, again),
              );
            };
            again();
            return () => undefined;
          },
        };
        return [{ ...one, spec: { ...one.spec, sources: [source] } }];
      },
    });
    expect(found).toContain("bounded-work");
  });
});
