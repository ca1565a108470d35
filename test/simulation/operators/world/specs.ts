// What people write into packages: drawn specs that are accepted, and some that are not.
import type { OPackage } from "#api/oaas/v1alpha1/index.ts";
import type { Dice } from "#controllers/runtime/testing/index.ts";

/** Spec of a package. */
export type Spec = OPackage["spec"];

/** Shape per package: what cannot be changed while there is data. */
export const SHAPES = [
  { name: "p0", template: "Dev", partitions: 2 },
  { name: "p1", template: "Edge", partitions: 4 },
] as const;

/** One package: its name and what it asks for. `p0` has one member, `p1` two. */
export type Shape = (typeof SHAPES)[number];

const FUNCTIONS = ["echo", "random", "counter"] as const;

/** Accepted by everybody; may be suspended or disabled. */
export function goodSpec(shape: Shape, dice: Dice): Spec {
  const names = FUNCTIONS.filter((_, index) => index === 0 || dice.chance(0.3));
  const min = dice.int(1, 3);
  return {
    version: `1.${dice.int(0, 9)}`,
    classes: [{ name: "Counter", functions: names.map((name) => ({ name })) }],
    functions: names.map((name) => ({
      name,
      provision: { deployment: { image: `example.com/${name}:${dice.int(1, 3)}` } },
      ...(dice.chance(0.3) ? { scale: { min, max: min + 2 } } : {}),
    })),
    deployments: [
      {
        name: "counter",
        class: "Counter",
        members: [{ id: 1, environment: "default", template: shape.template }],
        partitions: shape.partitions,
        deletionPolicy: dice.pick(["Retain", "Delete"] as const),
      },
    ],
    ...(dice.chance(0.1) ? { suspend: true } : {}),
    ...(dice.chance(0.1) ? { state: "Disabled" as const } : {}),
  };
}

/** Refused by the package itself, by something below it, or as not served. */
export function badSpec(shape: Shape, dice: Dice): Spec {
  const spec = goodSpec(shape, dice);
  const [deployment] = spec.deployments ?? [];
  if (deployment === undefined) return spec;
  switch (dice.int(0, 3)) {
    case 0:
      return { ...spec, functions: [] };
    case 1:
      return { ...spec, deployments: [{ ...deployment, class: "Nobody" }] };
    case 2:
      return { ...spec, deployments: [{ ...deployment, shardType: "Raft", replicas: 2 }] };
    default:
      return {
        ...spec,
        classes: (spec.classes ?? []).map((one) => ({ ...one, ttlSeconds: 60 })),
      };
  }
}
