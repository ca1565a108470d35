// Everything that is wrong with a package, at once and with paths: what the schema cannot see
// because it takes more than one object or more than one field to see it.

import type {
  FunctionSpec,
  OPackageClass,
  OPackageSpec,
  PackageMember,
} from "#api/oaas/v1alpha1/index.ts";
import { parseClassRef, parseFunctionRef, wireClassId } from "#api/oaas/v1alpha1/index.ts";
import type { Problem } from "#controllers/objects/index.ts";
import { invalid } from "#controllers/objects/index.ts";

import { declaredClass, lineageOf } from "./lineage.ts";
import type { ObservedPackage } from "./observed.ts";
import { knownPackages, packageName } from "./observed.ts";

/** Longest wire id of a class. */
export const WIRE_ID_MAX = 192;

/** What validation found. */
export interface Validation {
  readonly problems: readonly Problem[];
  /** Dependencies that do not exist (yet), sorted; what refers to them is not judged. */
  readonly missing: readonly string[];
}

/** What references are judged against. */
export interface Scope {
  readonly own: string;
  readonly packages: ReadonlyMap<string, OPackageSpec>;
  readonly dependencies: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
}

/** Validates names, dependencies, classes and bindings. Deployments are judged when planned. */
export function validatePackage(observed: ObservedPackage): Validation {
  const { spec } = observed.package;
  const scope = scopeOf(observed);
  const problems = [
    ...duplicates(spec.classes, "spec.classes"),
    ...duplicates(spec.functions, "spec.functions"),
    ...duplicates(spec.deployments, "spec.deployments"),
    ...dependencyProblems(scope, spec),
    ...(spec.classes ?? []).flatMap((cls, i) => classProblems(scope, cls, `spec.classes[${i}]`)),
    ...parentCycles(scope, spec),
  ];
  return { problems, missing: [...scope.missing].sort() };
}

/** Names that come twice; each is told at its second place. */
export function duplicates(
  list: readonly { readonly name: string }[] | undefined,
  path: string,
): readonly Problem[] {
  const seen = new Set<string>();
  return (list ?? []).flatMap((item, i) => {
    if (!seen.has(item.name)) {
      seen.add(item.name);
      return [];
    }
    return [invalid(`${path}[${i}].name`, `the name ${item.name} is used twice`)];
  });
}

function dependencyProblems(scope: Scope, spec: OPackageSpec): readonly Problem[] {
  const found: Problem[] = [...duplicates(spec.dependencies, "spec.dependencies")];
  (spec.dependencies ?? []).forEach((dependency, i) => {
    const cycle = dependencyCycle(scope, dependency.name);
    if (cycle === undefined) return;
    const message = `packages depend on each other: ${cycle.join(" -> ")}`;
    found.push(invalid(`spec.dependencies[${i}]`, message));
  });
  return found;
}

/** The way from the own package over `first` back to itself, if there is one. */
function dependencyCycle(scope: Scope, first: string): readonly string[] | undefined {
  const visited = new Set<string>();
  const search = (name: string, path: readonly string[]): readonly string[] | undefined => {
    if (name === scope.own) return [...path, name];
    if (visited.has(name)) return undefined;
    visited.add(name);
    for (const next of scope.packages.get(name)?.dependencies ?? []) {
      const cycle = search(next.name, [...path, name]);
      if (cycle !== undefined) return cycle;
    }
    return undefined;
  };
  return search(first, [scope.own]);
}

function classProblems(scope: Scope, cls: OPackageClass, path: string): readonly Problem[] {
  const found: Problem[] = [
    ...duplicates(cls.functions, `${path}.functions`),
    ...duplicates(cls.keys, `${path}.keys`),
    ...duplicates(cls.references, `${path}.references`),
    ...duplicates(cls.triggers, `${path}.triggers`),
    ...duplicates(cls.timers, `${path}.timers`),
  ];
  const id = wireClassId({ package: scope.own, name: cls.name });
  if (id.length > WIRE_ID_MAX) {
    found.push(invalid(`${path}.name`, `the wire id ${id} is longer than ${WIRE_ID_MAX}`));
  }
  (cls.parents ?? []).forEach((ref, i) => {
    const member = parseClassRef(ref, scope.own);
    found.push(...classReference(scope, member, `${path}.parents[${i}]`));
  });
  (cls.functions ?? []).forEach((binding, i) => {
    const member = parseFunctionRef(binding.function ?? binding.name, scope.own);
    const field = binding.function === undefined ? "name" : "function";
    found.push(...functionReference(scope, member, `${path}.functions[${i}].${field}`));
  });
  return found;
}

/** A class that is referred to must exist, in this package or in a declared dependency. */
export function classReference(
  scope: Scope,
  member: PackageMember,
  path: string,
): readonly Problem[] {
  const outside = foreignPackage(scope, member, path);
  if (outside !== "judge") return outside;
  if (declaredClass(scope.packages, member) !== undefined) return [];
  return [invalid(path, `there is no class ${wireClassId(member)}`)];
}

function functionReference(scope: Scope, member: PackageMember, path: string): readonly Problem[] {
  const outside = foreignPackage(scope, member, path);
  if (outside !== "judge") return outside;
  if (findFunction(scope.packages, member) !== undefined) return [];
  const where = member.package === scope.own ? "spec.functions" : `package ${member.package}`;
  return [invalid(path, `there is no function ${member.name} in ${where}`)];
}

function foreignPackage(
  scope: Scope,
  member: PackageMember,
  path: string,
): readonly Problem[] | "judge" {
  if (member.package === scope.own) return "judge";
  if (!scope.dependencies.has(member.package)) {
    return [invalid(path, `package ${member.package} is not listed in spec.dependencies`)];
  }
  return scope.missing.has(member.package) ? [] : "judge";
}

/** The function, or undefined. */
export function findFunction(
  packages: ReadonlyMap<string, OPackageSpec>,
  member: PackageMember,
): FunctionSpec | undefined {
  return packages.get(member.package)?.functions?.find((fn) => fn.name === member.name);
}

/** Each cycle of parents once, at the first class of this package that is on it or leads to it. */
function parentCycles(scope: Scope, spec: OPackageSpec): readonly Problem[] {
  const told = new Set<string>();
  return (spec.classes ?? []).flatMap((body, index) => {
    const start = { package: scope.own, name: body.name, body, index };
    const lineage = lineageOf(scope.packages, start);
    if (lineage.kind !== "cycle") return [];
    const key = [...new Set(lineage.path)].sort().join(" ");
    if (told.has(key)) return [];
    told.add(key);
    const message = `classes inherit from each other: ${lineage.path.join(" -> ")}`;
    return [invalid(`spec.classes[${index}].parents`, message)];
  });
}

/** The scope in which the observed package's references are judged. */
export function scopeOf(observed: ObservedPackage): Scope {
  const packages = knownPackages(observed);
  const names = (observed.package.spec.dependencies ?? []).map((d) => d.name);
  return {
    own: packageName(observed),
    packages,
    dependencies: new Set(names),
    missing: new Set(names.filter((name) => !packages.has(name))),
  };
}
