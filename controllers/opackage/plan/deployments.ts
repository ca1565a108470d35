// One deployment: its class as resolved, its functions, where it runs, the shape of its data, and
// everything that stands in its way.

import type {
  ClassRuntime,
  FunctionSpec,
  OPackageDeployment,
  OPackageSpec,
} from "#api/oaas/v1alpha1/index.ts";
import { effectiveClass, parseClassRef, wireClassId } from "#api/oaas/v1alpha1/index.ts";
import { childName, LABELS, labelValue } from "#api/meta/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import { invalid, unsupported } from "#controllers/objects/index.ts";

import { planData } from "./data.ts";
import type { DataPlan } from "./data.ts";
import { declaredClass, lineageOf } from "./lineage.ts";
import type { DeclaredClass } from "./lineage.ts";
import type { ObservedPackage } from "./observed.ts";
import { knownPackages, packageName, placesOf } from "./observed.ts";
import type { Placement, PlacementPlan } from "./placement.ts";
import { placeDeployment, withinJurisdiction } from "./placement.ts";
import { resolveClass } from "./resolve.ts";
import type { Resolution } from "./resolve.ts";
import { classReference, findFunction, scopeOf } from "./validate.ts";

/** A function of a deployment under the name that its runtimes know it by. */
export interface DeployedFunction {
  readonly spec: FunctionSpec;
  /** Path in the user's document; undefined for one of another package. */
  readonly path: string | undefined;
}

/** The plan of one runtime: one deployment in one environment. */
export interface RuntimeTarget extends Placement {
  readonly name: string;
}

/** The plan of one deployment. Partial where `problems` say so. */
export interface DeploymentPlan {
  readonly deployment: OPackageDeployment;
  readonly path: string;
  /** Wire id of the class. */
  readonly class: string;
  readonly resolution: Resolution | undefined;
  readonly functions: readonly DeployedFunction[];
  readonly runtimes: readonly RuntimeTarget[];
  readonly data: DataPlan | undefined;
  /** The class or the whole package is switched off. */
  readonly disabled: boolean;
  /** Why a part of it is not placed. */
  readonly pending: string | undefined;
  readonly why: readonly string[];
  readonly problems: readonly Problem[];
}

/** Plans all deployments of the package, in their order. */
export function planDeployments(observed: ObservedPackage): readonly DeploymentPlan[] {
  const deployments = observed.package.spec.deployments ?? [];
  const plans = deployments.map((deployment, i) => planDeployment(observed, deployment, i));
  return plans.map((plan, i) => ({
    ...plan,
    problems: [...plan.problems, ...claimProblems(plan, plans.slice(0, i))],
  }));
}

/** Name of the runtime of a deployment in an environment. */
export function runtimeName(
  key: { readonly namespace: string; readonly package: string },
  deployment: string,
  environment: string,
): string {
  return childName({
    childKind: "ClassRuntime",
    namespace: key.namespace,
    parentKind: "OPackage",
    parentName: key.package,
    childKey: `${deployment}/${environment}`,
  });
}

/** Runtimes of a deployment that are there and stay, by the label that rendering puts on them. */
export function runtimesOf(
  observed: ObservedPackage,
  deploymentName: string,
): readonly ClassRuntime[] {
  const wanted = labelValue(deploymentName);
  return observed.runtimes.filter(
    (runtime) =>
      runtime.metadata.labels?.[LABELS.instance] === wanted &&
      runtime.metadata.deletionTimestamp === undefined,
  );
}

function planDeployment(
  observed: ObservedPackage,
  deployment: OPackageDeployment,
  index: number,
): DeploymentPlan {
  const path = `spec.deployments[${index}]`;
  const packages = knownPackages(observed);
  const own = packageName(observed);
  const member = parseClassRef(deployment.class, own);
  const declared = declaredClass(packages, member);
  const existing = runtimesOf(observed, deployment.name);
  const places = placesOf(observed);
  const placed = placeDeployment(deployment, places, existing);
  const resolution = declared && resolve(packages, declared, { ownPackage: own, path });
  const bound = resolution === undefined ? [] : deployedFunctions(packages, resolution, own);
  const namespace = observed.package.metadata.namespace ?? "";
  const data = resolution && dataOf(deployment, path, resolution, placed, existing);
  return {
    deployment,
    path,
    class: wireClassId(member),
    resolution,
    functions: bound,
    runtimes: placed.placements.map((placement) => ({
      ...placement,
      name: runtimeName({ namespace, package: own }, deployment.name, placement.place.name),
    })),
    data,
    disabled: observed.package.spec.state === "Disabled" || declared?.body.state === "Disabled",
    pending: placed.pending,
    why: [...placed.why, ...(data?.why ?? [])],
    problems: [
      ...classReference(scopeOf(observed), member, `${path}.class`),
      ...(declared === undefined ? [] : lineageProblems(packages, declared, path)),
      ...(resolution === undefined ? [] : resolvedProblems(resolution, path, declared)),
      ...functionProblems(packages, deployment, bound, resolution, path),
      ...environmentProblems(observed, deployment, placed, path),
      ...(data?.problems ?? []),
    ],
  };
}

function resolve(
  packages: ReadonlyMap<string, OPackageSpec>,
  declared: DeclaredClass,
  view: { readonly ownPackage: string; readonly path: string },
): Resolution | undefined {
  const lineage = lineageOf(packages, declared);
  if (lineage.kind !== "ok") return undefined;
  const [self, ...rest] = lineage.classes;
  if (self === undefined) return undefined;
  const elsewhere =
    declared.package === view.ownPackage
      ? `spec.classes[${declared.index}].parents`
      : `${view.path}.class`;
  return resolveClass([self, ...rest], { ownPackage: view.ownPackage, elsewhere });
}

/** A class of another package may be broken there; here it is the reference that is at fault. */
function lineageProblems(
  packages: ReadonlyMap<string, OPackageSpec>,
  declared: DeclaredClass,
  path: string,
): readonly Problem[] {
  const lineage = lineageOf(packages, declared);
  if (lineage.kind !== "unknown") return [];
  const id = wireClassId(declared);
  if (lineage.from === id) return []; // told at spec.classes[].parents
  const message = `${id} cannot be resolved: ${lineage.from} inherits from ${lineage.missing}`;
  return [invalid(`${path}.class`, `${message}, which does not exist`)];
}

/** Rules that each class may keep by itself and break by what it inherits. */
function resolvedProblems(
  resolution: Resolution,
  path: string,
  declared: DeclaredClass | undefined,
): readonly Problem[] {
  if ((declared?.body.parents ?? []).length === 0) return [];
  const { consistency, persistent, storage } = effectiveClass(resolution.resolved);
  const found: Problem[] = [];
  const at = (field: string): string => new Map(resolution.paths).get(field) ?? `${path}.class`;
  if (consistency === "Strong" && !persistent) {
    const message = "with what it inherits: consistency Strong needs persistent true";
    found.push(invalid(at("persistent"), message));
  }
  if (storage.provider === "Memory" && persistent) {
    const message = "with what it inherits: storage.provider Memory needs persistent false";
    found.push(invalid(at("storage"), message));
  }
  const functions = resolution.resolved.functions ?? [];
  if (functions.length > BINDINGS_MAX) {
    const message = `with what it inherits it has ${functions.length} functions`;
    found.push(invalid(at("functions[0]"), `${message}; at most ${BINDINGS_MAX}`));
  }
  return found;
}

const BINDINGS_MAX = 64;

function deployedFunctions(
  packages: ReadonlyMap<string, OPackageSpec>,
  resolution: Resolution,
  own: string,
): readonly DeployedFunction[] {
  return resolution.functions.flatMap((member): readonly DeployedFunction[] => {
    const spec = findFunction(packages, member);
    if (spec === undefined) return []; // told where it is bound
    const index = packages.get(member.package)?.functions?.indexOf(spec) ?? -1;
    const path = member.package === own ? `spec.functions[${index}]` : undefined;
    return [{ spec: { ...spec, name: member.alias }, path }];
  });
}

function functionProblems(
  packages: ReadonlyMap<string, OPackageSpec>,
  deployment: OPackageDeployment,
  functions: readonly DeployedFunction[],
  resolution: Resolution | undefined,
  path: string,
): readonly Problem[] {
  const found: Problem[] = [];
  for (const binding of resolution?.resolved.functions ?? []) {
    const member = resolution?.functions.find((fn) => fn.alias === binding.function);
    const spec = member && findFunction(packages, member);
    if (spec?.type !== "Logical") continue;
    const message =
      `binding ${binding.name} is the Logical function ${spec.name}, which runs nowhere; ` +
      `deploy a subclass that binds it`;
    found.push(invalid(`${path}.class`, message));
  }
  const limit = deployment.constraints?.maxReplicas;
  for (const { spec, path: functionPath } of functions) {
    const min = spec.scale?.min;
    if (limit === undefined || min === undefined || min <= limit) continue;
    const message = `${limit} is below scale.min ${min} of ${functionPath ?? spec.name}`;
    found.push(invalid(`${path}.constraints.maxReplicas`, message));
  }
  const names = new Set(functions.map((fn) => fn.spec.name));
  (deployment.members ?? []).forEach((member, m) => {
    (member.disabledFunctions ?? []).forEach((name, i) => {
      if (resolution === undefined || names.has(name)) return;
      const field = `${path}.members[${m}].disabledFunctions[${i}]`;
      found.push(invalid(field, `class ${deployment.class} has no function ${name}`));
    });
  });
  return found;
}

function environmentProblems(
  observed: ObservedPackage,
  deployment: OPackageDeployment,
  placed: PlacementPlan,
  path: string,
): readonly Problem[] {
  const places = new Map(placesOf(observed).map((place) => [place.name, place]));
  const found: Problem[] = [];
  const seen = new Set<string>();
  const judge = (name: string, field: string): void => {
    const place = places.get(name);
    if (seen.has(name)) found.push(invalid(field, `environment ${name} is listed twice`));
    seen.add(name);
    if (place === undefined) found.push(invalid(field, `there is no Environment ${name}`));
    else if (place.remote) {
      found.push(unsupported(field, `environment ${name} is another cluster, not served yet`));
    } else if (!withinJurisdiction(deployment, place)) {
      found.push(invalid(field, `environment ${name} is outside of constraints.jurisdiction`));
    }
  };
  (deployment.environments ?? []).forEach((name, i) => {
    judge(name, `${path}.environments[${i}]`);
  });
  (deployment.members ?? []).forEach((member, i) => {
    judge(member.environment, `${path}.members[${i}].environment`);
  });
  (deployment.availableEnvironments ?? []).forEach((name, i) => {
    if (places.has(name)) return;
    found.push(invalid(`${path}.availableEnvironments[${i}]`, `there is no Environment ${name}`));
  });
  if (placed.placements.length > 1) {
    const field = deployment.members === undefined ? "environments" : "members";
    const message = "data in several environments needs Mst or Raft, which are not served yet";
    found.push(unsupported(`${path}.${field}`, message));
  }
  return found;
}

function dataOf(
  deployment: OPackageDeployment,
  path: string,
  resolution: Resolution,
  placed: PlacementPlan,
  existing: readonly ClassRuntime[],
): DataPlan {
  const { consistency } = effectiveClass(resolution.resolved);
  const home = placed.placements[0];
  return planData({
    deployment,
    path,
    consistency,
    consistencyPath: new Map(resolution.paths).get("consistency") ?? `${path}.class`,
    availability: Math.min(1, ...placed.placements.map((p) => p.place.availability)),
    memory: (home?.existing ?? existing[0])?.spec.collection,
  });
}

/** A class is served once per environment: the second deployment of a package is refused. */
function claimProblems(
  plan: DeploymentPlan,
  before: readonly DeploymentPlan[],
): readonly Problem[] {
  const rival = before.find((other) => other.class === plan.class);
  if (rival === undefined || rival.deployment.name === plan.deployment.name) return [];
  const message = `class ${plan.class} is deployed already by ${rival.path}`;
  return [invalid(`${plan.path}.class`, message)];
}
