// Where a structure that a property belongs to is written out rightly: the samples. A type that is
// embedded in several kinds is looked up where its sample is.
import { samples } from "../kinds/samples.ts";
import { elementsAt } from "./documents.ts";
import type { Property, Step } from "./schema.ts";

interface Source {
  readonly kind: string;
  readonly steps: readonly Step[];
}

/** By kind: the first steps here, and where the same type stands in which other kind. */
const EMBEDDED: Readonly<Record<string, readonly (readonly [readonly Step[], Source])[]>> = {
  ClassRuntime: [
    [["functions", "[]"], { kind: "OPackage", steps: ["functions", "[]"] }],
    [["resolvedClass"], { kind: "OPackage", steps: ["classes", "[]"] }],
    [["enforcement"], { kind: "OPackage", steps: ["deployments", "[]", "enforcement"] }],
    [["telemetry"], { kind: "OPackage", steps: ["deployments", "[]", "telemetry"] }],
    [["collection"], { kind: "OdgmCollection", steps: [] }],
  ],
  OdgmCollection: [
    [["resolvedClass"], { kind: "OPackage", steps: ["classes", "[]"] }],
    [["telemetry"], { kind: "OPackage", steps: ["deployments", "[]", "telemetry"] }],
  ],
};

/** Types that stand side by side under several names. */
const ALIKE: readonly (readonly string[])[] = [
  ["deployment", "knative"],
  ["readiness", "liveness", "startup"],
  ["triggers", "timers"],
];

/**
 * Parents of the property as samples have them, nearest first: what to put where, so that all that
 * belongs to it is there.
 */
export function samplesWith(kind: string, property: Property): readonly Part[] {
  const sources = [
    { kind, steps: property.steps, cut: 0 },
    ...(EMBEDDED[kind] ?? []).flatMap(([own, source]) =>
      own.every((step, index) => property.steps[index] === step)
        ? [
            {
              kind: source.kind,
              steps: [...source.steps, ...property.steps.slice(own.length)],
              cut: source.steps.length - own.length,
            },
          ]
        : [],
    ),
  ];
  const depths = property.steps.map((_step, index) => property.steps.length - 1 - index);
  return depths
    .filter((depth) => depth > 0)
    .flatMap((depth) =>
      sources.flatMap((source) => {
        const steps = source.steps.slice(0, depth + source.cut);
        return partsOf(source.kind, steps).map((value) => ({
          steps: property.steps.slice(0, depth),
          value,
        }));
      }),
    );
}

function partsOf(kind: string, steps: readonly Step[]): readonly unknown[] {
  if (steps.length === 0) return [];
  return spellings(steps).flatMap((spelling) => valuesIn(kind, spelling));
}

/** A value and where it goes. */
export interface Part {
  readonly steps: readonly Step[];
  readonly value: unknown;
}

const SAMPLES = samples();

function valuesIn(kind: string, steps: readonly Step[]): readonly unknown[] {
  return SAMPLES.filter(({ manifest }) => manifest.kind === kind)
    .flatMap(({ manifest }) => elementsAt(manifest.spec, steps))
    .filter((value) => typeof value === "object" && value !== null);
}

/** The same steps, and those in which one name is another of its like. */
function spellings(steps: readonly Step[]): readonly (readonly Step[])[] {
  const others = steps.flatMap((step, index) =>
    ALIKE.filter((names) => names.includes(step)).flatMap((names) =>
      names.filter((name) => name !== step).map((name) => steps.with(index, name)),
    ),
  );
  return [steps, ...others];
}
