// What one pass over a package sees, as plain data.

import type {
  ClassRuntime,
  Environment,
  OPackage,
  OPackageSpec,
} from "#api/oaas/v1alpha1/index.ts";
import {
  ASSUMED_AVAILABILITY,
  DEFAULT_ENVIRONMENT,
  effectiveEnvironment,
} from "#api/oaas/v1alpha1/index.ts";

/** All reads of one pass. */
export interface ObservedPackage {
  readonly package: OPackage;
  /** The other packages of the namespace, by name. */
  readonly packages: ReadonlyMap<string, OPackage>;
  /** All Environments, by name; `default` may be missing and is then implied. */
  readonly environments: ReadonlyMap<string, Environment>;
  /** The ClassRuntimes of this package, whatever state they are in, sorted by name. */
  readonly runtimes: readonly ClassRuntime[];
}

/** Name of the observed package. */
export function packageName(observed: ObservedPackage): string {
  return observed.package.metadata.name ?? "";
}

/** The packages that can be referred to from the observed one, itself included. */
export function knownPackages(observed: ObservedPackage): ReadonlyMap<string, OPackageSpec> {
  const others = [...observed.packages].map(([name, other]) => [name, other.spec] as const);
  return new Map([...others, [packageName(observed), observed.package.spec]]);
}

/** Names of packages of the namespace that depend on the observed one, sorted. */
export function dependentsOf(observed: ObservedPackage): readonly string[] {
  const own = packageName(observed);
  return [...observed.packages]
    .filter(([, other]) => (other.spec.dependencies ?? []).some((d) => d.name === own))
    .filter(([, other]) => other.metadata.deletionTimestamp === undefined)
    .map(([name]) => name)
    .sort();
}

/** A place to run, with what planning needs to know. */
export interface Place {
  readonly name: string;
  readonly region: string | undefined;
  readonly zone: string | undefined;
  readonly cordoned: boolean;
  readonly availability: number;
  /** Where the availability is from, for explanations. */
  readonly availabilitySource: "declared" | "observed" | "assumed";
  /** It is another cluster. */
  readonly remote: boolean;
  /** It is there without an object. */
  readonly implied: boolean;
}

/** All places, sorted by name. */
export function placesOf(observed: ObservedPackage): readonly Place[] {
  const found = [...observed.environments.values()]
    .filter((environment) => environment.metadata.deletionTimestamp === undefined)
    .map(placeOf);
  const implied: Place = {
    name: DEFAULT_ENVIRONMENT,
    region: undefined,
    zone: undefined,
    cordoned: false,
    availability: Number(ASSUMED_AVAILABILITY),
    availabilitySource: "assumed",
    remote: false,
    implied: true,
  };
  const all = observed.environments.has(DEFAULT_ENVIRONMENT) ? found : [...found, implied];
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function placeOf(environment: Environment): Place {
  const { spec, status } = environment;
  const declared = spec.availability;
  const observed = status?.availabilitySource === "Observed" ? status.availability : undefined;
  return {
    name: environment.metadata.name ?? "",
    region: spec.region,
    zone: spec.zone,
    cordoned: effectiveEnvironment(spec).cordoned,
    availability: Number(declared ?? observed ?? ASSUMED_AVAILABILITY),
    availabilitySource:
      declared !== undefined ? "declared" : observed !== undefined ? "observed" : "assumed",
    remote: spec.kubeconfigSecretRef !== undefined,
    implied: false,
  };
}
