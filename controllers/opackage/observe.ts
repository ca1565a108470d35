// All reads of one pass over a package, from caches only.

import type { ClassRuntime, Environment, OPackage } from "#api/oaas/v1alpha1/index.ts";
import { CLASS_RUNTIME, ENVIRONMENT, OPACKAGE } from "#api/oaas/v1alpha1/index.ts";
import type { Live, ObjectKey, Reader } from "#controllers/runtime/index.ts";
import { defineKind } from "#controllers/runtime/index.ts";

import type { ObservedPackage } from "./plan/observed.ts";

/** OPackages. */
export const PACKAGES = defineKind<OPackage>(OPACKAGE);
/** ClassRuntimes. */
export const RUNTIMES = defineKind<ClassRuntime>(CLASS_RUNTIME);
/** Environments. */
export const ENVIRONMENTS = defineKind<Environment>(ENVIRONMENT);

/** Index over packages: those that depend on `namespace/name`. */
export const DEPENDENCY_INDEX = "dependency";

/** What a package depends on, as keys of {@link DEPENDENCY_INDEX}. */
export function dependencyKeys(found: OPackage): readonly string[] {
  const { namespace = "" } = found.metadata;
  return (found.spec.dependencies ?? []).map(({ name }) => `${namespace}/${name}`);
}

/** Reads a package and everything that its plan depends on; undefined if it is gone. */
export function observe(key: ObjectKey, reader: Reader): ObservedPackage | undefined {
  const found = reader.get(PACKAGES, key);
  if (found === undefined) return undefined;
  return {
    package: found,
    packages: new Map(
      [...dependenciesOf(found, reader), ...dependentsOn(found.metadata, reader)].map((other) => [
        other.metadata.name,
        other,
      ]),
    ),
    environments: new Map(
      reader.list(ENVIRONMENTS).map((environment) => [environment.metadata.name, environment]),
    ),
    runtimes: reader.owned(RUNTIMES, found.metadata.uid),
  };
}

/** Packages that this one depends on, also over others; itself not included. */
function dependenciesOf(start: Live<OPackage>, reader: Reader): readonly Live<OPackage>[] {
  const { namespace = "", name: own } = start.metadata;
  const found = new Map<string, Live<OPackage>>();
  const frontier: Live<OPackage>[] = [start];
  for (let next = frontier.pop(); next !== undefined; next = frontier.pop()) {
    for (const { name } of next.spec.dependencies ?? []) {
      const other = reader.get(PACKAGES, { namespace, name });
      if (other === undefined || name === own || found.has(name)) continue;
      found.set(name, other);
      frontier.push(other);
    }
  }
  return [...found.values()];
}

/** Packages that name this one in their dependencies; itself not included. */
function dependentsOn(
  target: { readonly namespace?: string; readonly name: string },
  reader: Reader,
): readonly Live<OPackage>[] {
  const { namespace = "", name } = target;
  return reader
    .list(PACKAGES, { index: { name: DEPENDENCY_INDEX, value: `${namespace}/${name}` } })
    .filter((other) => other.metadata.name !== name);
}

/**
 * Packages that another package's change concerns: those that depend on it, also over others (what
 * a class inherits may come from afar), and those that it depends on (they wait to go).
 */
export function relatedPackages(changed: Live<OPackage>, reader: Reader): readonly ObjectKey[] {
  const { namespace = "", name: own } = changed.metadata;
  const related = new Set((changed.spec.dependencies ?? []).map((dependency) => dependency.name));
  const frontier = [own];
  const seen = new Set(frontier);
  for (let name = frontier.pop(); name !== undefined; name = frontier.pop()) {
    for (const { metadata } of dependentsOn({ namespace, name }, reader)) {
      if (seen.has(metadata.name)) continue;
      seen.add(metadata.name);
      related.add(metadata.name);
      frontier.push(metadata.name);
    }
  }
  related.delete(own);
  return [...related].map((name) => ({ namespace, name }));
}

/** An environment concerns every package: any of them may be placed there. */
export function allPackages(_changed: Live<Environment>, reader: Reader): readonly ObjectKey[] {
  return reader
    .list(PACKAGES)
    .map(({ metadata }) => ({ namespace: metadata.namespace ?? "", name: metadata.name }));
}
