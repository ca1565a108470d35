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

/** Reads a package and everything that its plan depends on; undefined if it is gone. */
export function observe(key: ObjectKey, reader: Reader): ObservedPackage | undefined {
  const found = reader.get(PACKAGES, key);
  if (found === undefined) return undefined;
  const others = reader
    .list(PACKAGES, { namespace: key.namespace })
    .filter((other) => other.metadata.name !== key.name);
  return {
    package: found,
    packages: new Map(others.map((other) => [other.metadata.name, other])),
    environments: new Map(
      reader.list(ENVIRONMENTS).map((environment) => [environment.metadata.name, environment]),
    ),
    runtimes: reader.owned(RUNTIMES, found.metadata.uid),
  };
}

/**
 * Packages that another package's change concerns: those that depend on it, also over others (what
 * a class inherits may come from afar), and those that it depends on (they wait to go).
 */
export function relatedPackages(changed: Live<OPackage>, reader: Reader): readonly ObjectKey[] {
  const { namespace = "", name } = changed.metadata;
  const others = reader
    .list(PACKAGES, { namespace })
    .filter((other) => other.metadata.name !== name);
  const related = new Set((changed.spec.dependencies ?? []).map((dependency) => dependency.name));
  const frontier = [name];
  for (let next = frontier.pop(); next !== undefined; next = frontier.pop()) {
    for (const other of others) {
      const uses = (other.spec.dependencies ?? []).some((dependency) => dependency.name === next);
      if (!uses || related.has(other.metadata.name)) continue;
      related.add(other.metadata.name);
      frontier.push(other.metadata.name);
    }
  }
  return others
    .filter((other) => related.has(other.metadata.name))
    .map((other) => ({ namespace, name: other.metadata.name }));
}

/** An environment concerns every package: any of them may be placed there. */
export function allPackages(_changed: Live<Environment>, reader: Reader): readonly ObjectKey[] {
  return reader
    .list(PACKAGES)
    .map(({ metadata }) => ({ namespace: metadata.namespace ?? "", name: metadata.name }));
}
