// Environments of a deployment. What the user names counts; what is already there stays; else the
// best of the places that may be used: nearest by locality, then most available, then `default`.

import type {
  ClassRuntime,
  EffectiveMember,
  OPackageDeployment,
} from "#api/oaas/v1alpha1/index.ts";
import { DEFAULT_ENVIRONMENT, effectiveMembers } from "#api/oaas/v1alpha1/index.ts";
import { compareText } from "#controllers/objects/index.ts";

import type { Place } from "./observed.ts";

/** A deployment in one environment. */
export interface Placement {
  readonly place: Place;
  /** What the deployment says about this environment; undefined if planning chose it. */
  readonly member: EffectiveMember | undefined;
  /** Index in `members`, for paths; undefined if there are none. */
  readonly memberIndex: number | undefined;
  /** The runtime that is there already. */
  readonly existing: ClassRuntime | undefined;
}

/** Where a deployment runs, or what it waits for. */
export interface PlacementPlan {
  readonly placements: readonly Placement[];
  /** Why nothing new is placed; existing placements go on. */
  readonly pending: string | undefined;
  readonly why: readonly string[];
}

/** Places one deployment. `existing` are its runtimes that are not being deleted. */
export function placeDeployment(
  deployment: OPackageDeployment,
  places: readonly Place[],
  existing: readonly ClassRuntime[],
): PlacementPlan {
  const members = effectiveMembers(deployment);
  return members.length > 0
    ? placeMembers(deployment, members, places, existing)
    : placeByPlan(deployment, places, existing);
}

function placeMembers(
  deployment: OPackageDeployment,
  members: readonly EffectiveMember[],
  places: readonly Place[],
  existing: readonly ClassRuntime[],
): PlacementPlan {
  const waiting: string[] = [];
  const placements = members.flatMap((member, i): readonly Placement[] => {
    const place = places.find((candidate) => candidate.name === member.environment);
    if (place === undefined) return []; // told by validation
    const there = runtimeIn(existing, place.name);
    if (place.cordoned && there === undefined) {
      waiting.push(`environment ${place.name} is cordoned`);
      return [];
    }
    const memberIndex = deployment.members === undefined ? undefined : i;
    return [{ place, member, memberIndex, existing: there }];
  });
  const names = members.map((member) => member.environment).join(", ");
  return {
    placements,
    pending: waiting.length === 0 ? undefined : waiting.join("; "),
    why: [`environments ${names}: the deployment says so`],
  };
}

function placeByPlan(
  deployment: OPackageDeployment,
  places: readonly Place[],
  existing: readonly ClassRuntime[],
): PlacementPlan {
  const there = places.flatMap((place): readonly Placement[] => {
    const runtime = runtimeIn(existing, place.name);
    return runtime === undefined
      ? []
      : [{ place, member: undefined, memberIndex: undefined, existing: runtime }];
  });
  if (there.length > 0) {
    const names = there.map((placement) => placement.place.name).join(", ");
    const why = `environments ${names}: it runs there already; moving takes an explicit list`;
    return { placements: there, pending: undefined, why: [why] };
  }
  const candidates = candidatesOf(deployment, places);
  const best = candidates.toSorted((a, b) => comparePlaces(deployment, a, b))[0];
  if (best === undefined) {
    const pending = "no environment may be used: all are cordoned, elsewhere or excluded";
    return { placements: [], pending, why: [pending] };
  }
  const why = `environments ${best.name}: the best of ${candidates.length} that may be used`;
  return {
    placements: [{ place: best, member: undefined, memberIndex: undefined, existing: undefined }],
    pending: undefined,
    why: [why],
  };
}

function candidatesOf(deployment: OPackageDeployment, places: readonly Place[]): readonly Place[] {
  const allowed = deployment.availableEnvironments;
  return places.filter(
    (place) =>
      !place.cordoned &&
      !place.remote &&
      (allowed === undefined || allowed.includes(place.name)) &&
      withinJurisdiction(deployment, place),
  );
}

/** Whether the deployment's data and functions may be there. */
export function withinJurisdiction(deployment: OPackageDeployment, place: Place): boolean {
  const regions = deployment.constraints?.jurisdiction ?? [];
  return regions.length === 0 || (place.region !== undefined && regions.includes(place.region));
}

function comparePlaces(deployment: OPackageDeployment, a: Place, b: Place): number {
  const { regions = [], zones = [] } = deployment.requirements?.locality ?? {};
  const rank = (list: readonly string[], value: string | undefined): number => {
    const index = value === undefined ? -1 : list.indexOf(value);
    return index === -1 ? list.length : index;
  };
  return (
    rank(regions, a.region) - rank(regions, b.region) ||
    rank(zones, a.zone) - rank(zones, b.zone) ||
    b.availability - a.availability ||
    Number(b.name === DEFAULT_ENVIRONMENT) - Number(a.name === DEFAULT_ENVIRONMENT) ||
    compareText(a.name, b.name)
  );
}

function runtimeIn(
  existing: readonly ClassRuntime[],
  environment: string,
): ClassRuntime | undefined {
  return existing.find(
    (runtime) => (runtime.spec.environment ?? DEFAULT_ENVIRONMENT) === environment,
  );
}
