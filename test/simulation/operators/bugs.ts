// Deliberate bugs, each with the invariant that must catch it. They are passed into a simulation;
// no source is touched.
import { StoreState } from "#api/gen/oaas-admin_pb.ts";
import type { Observed as ObservedCollection } from "#controllers/odgm-collection/plan/observed.ts";
import type { CollectionPlan } from "#controllers/odgm-collection/plan/plan.ts";
import type { AnyController, ApiRequest, KubeObject } from "#controllers/runtime/index.ts";
import { keyOf, KINDS } from "#controllers/runtime/index.ts";

import type { Sabotage } from "#controllers/runtime/testing/index.ts";

import { all } from "./world/look.ts";
import { FOREIGN_LABEL } from "./world/users.ts";
import type { World } from "./world/world.ts";

type Spec = AnyController["spec"];

/** Replaces functions of one controller. */
function broken(name: string, change: (spec: Spec) => Partial<Spec>): Sabotage {
  return {
    controllers: (controllers) =>
      controllers.map((controller) =>
        controller.name === name
          ? { ...controller, spec: { ...controller.spec, ...change(controller.spec) } }
          : controller,
      ),
  };
}

/** Changes what is written to a status. */
function brokenStatus(change: (status: Record<string, unknown>) => object): Sabotage {
  return {
    request: (request: ApiRequest) => {
      const body = request.body as { readonly status?: Record<string, unknown> } | undefined;
      if (!request.path.endsWith("/status") || body?.status === undefined) return request;
      return { ...request, body: { ...body, status: change(body.status) } };
    },
  };
}

/** Formats whatever is empty. */
function formatEmpty(
  { members, targets }: ObservedCollection,
  { collection, identity }: NonNullable<CollectionPlan["identity"]>,
): CollectionPlan["calls"] {
  return [...members].flatMap(([ordinal, seen]) => {
    const target = targets.get(ordinal);
    if (seen.kind !== "known" || target === undefined) return [];
    if (seen.status.storeState !== StoreState.EMPTY) return [];
    return [{ kind: "format" as const, target, collection, identity }];
  });
}

/** A bug and who sees it. */
export interface Bug {
  readonly name: string;
  /** Name of the invariant. */
  readonly caughtBy: string;
  /** What it must say, where the invariant has several things to say. */
  readonly saying?: string;
  readonly sabotage: Sabotage;
  /** What happens; drawn from seeds if not given. */
  readonly script?: (world: World) => Promise<void>;
}

/** All of them. */
export const BUGS: readonly Bug[] = [
  {
    name: "prunes although the input is refused",
    caughtBy: "refused-untouched",
    async script(world) {
      world.users.put("p0", {});
      await world.sim.clock.advance(20_000);
      world.users.put("p0", { functions: [] });
      await world.sim.clock.advance(20_000);
    },
    sabotage: broken("opackage", (spec) => ({
      render(observed, plan, defaults) {
        const rendered = spec.render(observed, plan, defaults);
        return "refused" in rendered ? [] : rendered;
      },
    })),
  },
  {
    name: "formats an empty store without recording the intent",
    caughtBy: "format-by-record",
    sabotage: broken("odgm-collection", (spec) => ({
      plan(observed, now, defaults) {
        const plan = spec.plan(observed, now, defaults) as CollectionPlan;
        const { identity } = plan;
        if (identity === undefined) return plan;
        const known = [...identity.members].filter(([, member]) => member.kind === "formatted");
        const record = { ...identity, members: new Map(known) };
        const calls = formatEmpty(observed as ObservedCollection, identity);
        return { ...plan, identity: record, calls: [...plan.calls, ...calls] };
      },
    })),
    async script(world) {
      world.users.put("p0", {});
      await world.sim.clock.advance(20_000);
    },
  },
  {
    name: "takes a replaced disk for a new one",
    caughtBy: "format-by-record",
    sabotage: broken("odgm-collection", (spec) => ({
      plan(observed, now, defaults) {
        const plan = spec.plan(observed, now, defaults) as CollectionPlan;
        if (plan.identity === undefined) return plan;
        const calls = formatEmpty(observed as ObservedCollection, plan.identity);
        return { ...plan, calls: [...plan.calls, ...calls] };
      },
    })),
    async script(world) {
      world.users.put("p1", {});
      await world.sim.clock.advance(30_000);
      for (const pod of all(world.sim.server, KINDS.Pod)) world.users.replaceDisk(keyOf(pod));
      await world.sim.clock.advance(20_000);
    },
  },
  {
    name: "drops observedGeneration",
    caughtBy: "observed-generation",
    sabotage: brokenStatus(({ observedGeneration: _dropped, ...status }) => status),
  },
  {
    name: "writes a status that differs each time",
    caughtBy: "no-write-without-difference",
    sabotage: broken("opackage", (spec) => ({
      requeueAfterMs: () => 20_000,
      computeStatus(observed, plan, outcome, now) {
        const draft = spec.computeStatus(observed, plan, outcome, now);
        const conditions = draft.conditions.map((one) =>
          one.type === "Valid" ? { ...one, message: `looked at ${now.toISOString()}` } : one,
        );
        return { ...draft, conditions };
      },
    })),
  },
  {
    name: "says Ready though Stalled",
    caughtBy: "conditions",
    saying: "Ready and Stalled are both True",
    async script(world) {
      world.users.put("p0", { functions: [] });
      await world.sim.clock.advance(20_000);
    },
    sabotage: brokenStatus((status) => ({
      ...status,
      conditions: (status["conditions"] as readonly { readonly type: string }[]).map((one) =>
        one.type === "Ready" ? { ...one, status: "True" } : one,
      ),
    })),
  },
  {
    name: "makes children that nobody collects",
    caughtBy: "no-leak",
    async script(world) {
      world.users.put("p0", { policy: "Delete" });
      await world.sim.clock.advance(20_000);
      world.users.remove("p0");
    },
    sabotage: broken("class-runtime", (spec) => ({
      render(observed, plan, defaults) {
        const rendered = spec.render(observed, plan, defaults);
        if (!Array.isArray(rendered)) return rendered;
        return rendered.map((child: object) => ({
          object: "object" in child ? (child as { readonly object: object }).object : child,
          ownership: "Label",
        })) as ReturnType<Spec["render"]>;
      },
    })),
  },
  {
    name: "gives claims away under Retain",
    caughtBy: "retention",
    async script(world) {
      world.users.put("p0", { policy: "Retain" });
      await world.sim.clock.advance(40_000);
      world.users.remove("p0");
      await world.sim.clock.advance(20_000);
    },
    sabotage: broken("odgm-collection", (spec) => ({
      render(observed, plan, defaults) {
        const rendered = spec.render(observed, plan, defaults);
        return JSON.parse(
          JSON.stringify(rendered).replaceAll('"whenDeleted":"Retain"', '"whenDeleted":"Delete"'),
        ) as ReturnType<Spec["render"]>;
      },
    })),
  },
  { name: "writes without the lease", caughtBy: "lease", sabotage: { withoutLease: true } },
  {
    name: "takes over a label that is not its own",
    caughtBy: "foreign-labels",
    sabotage: {
      request: (request) => {
        if (!request.path.includes("/services/") || request.method !== "PATCH") return request;
        const body = request.body as KubeObject;
        const labels = { ...body.metadata.labels, [FOREIGN_LABEL]: "no" };
        return { ...request, body: { ...body, metadata: { ...body.metadata, labels } } };
      },
    },
    async script(world) {
      world.users.put("p0", {});
      await world.sim.clock.advance(20_000);
      for (const service of all(world.sim.server, KINDS.Service)) {
        world.users.label(KINDS.Service, service);
        const patch = { metadata: { labels: { "app.kubernetes.io/part-of": "wrong" } } };
        world.sim.server.userPatch(KINDS.Service, keyOf(service), patch);
      }
      await world.sim.clock.advance(20_000);
    },
  },
  {
    name: "reconciles one object twice at once",
    caughtBy: "one-pass",
    sabotage: {
      controllers: (controllers) =>
        controllers.flatMap((controller) =>
          controller.name === "class-runtime"
            ? [
                controller,
                {
                  ...controller,
                  name: "class-runtime-twin",
                  spec: { ...controller.spec, name: "class-runtime-twin" },
                },
              ]
            : [controller],
        ),
    },
  },
];
