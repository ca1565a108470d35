// The order in which a class looks for what it does not say itself. Parents are listed nearest
// first; of a class that is reached over several ways only the last occurrence counts, so that in a
// diamond both middle classes come before their common ancestor.

import type { OPackageClass, OPackageSpec, PackageMember } from "#api/oaas/v1alpha1/index.ts";
import { parseClassRef, wireClassId } from "#api/oaas/v1alpha1/index.ts";

/** A class where it is declared. */
export interface DeclaredClass extends PackageMember {
  readonly body: OPackageClass;
  /** Index in its package's `spec.classes`. */
  readonly index: number;
}

/** The class and all that it inherits from, nearest first; or why there is no such order. */
export type Lineage =
  | { readonly kind: "ok"; readonly classes: readonly DeclaredClass[] }
  /** Wire ids, the first repeated at the end. */
  | { readonly kind: "cycle"; readonly path: readonly string[] }
  /** `from` names `missing`, which does not exist. */
  | { readonly kind: "unknown"; readonly from: string; readonly missing: string };

/** The declaration of a class, or undefined. */
export function declaredClass(
  packages: ReadonlyMap<string, OPackageSpec>,
  member: PackageMember,
): DeclaredClass | undefined {
  const classes = packages.get(member.package)?.classes ?? [];
  const index = classes.findIndex((body) => body.name === member.name);
  const body = classes[index];
  return body === undefined ? undefined : { ...member, body, index };
}

/** Computes the order. Bounded by the number of classes: a class on its own path is a cycle. */
export function lineageOf(
  packages: ReadonlyMap<string, OPackageSpec>,
  start: DeclaredClass,
): Lineage {
  const visited: DeclaredClass[] = [];
  const fault = visit(packages, start, [], visited);
  if (fault !== undefined) return fault;
  const lastIndex = new Map(visited.map((cls, i) => [wireClassId(cls), i]));
  return { kind: "ok", classes: visited.filter((cls, i) => lastIndex.get(wireClassId(cls)) === i) };
}

function visit(
  packages: ReadonlyMap<string, OPackageSpec>,
  cls: DeclaredClass,
  path: readonly string[],
  visited: DeclaredClass[],
): Exclude<Lineage, { readonly kind: "ok" }> | undefined {
  const id = wireClassId(cls);
  const seenAt = path.indexOf(id);
  if (seenAt !== -1) return { kind: "cycle", path: [...path.slice(seenAt), id] };
  visited.push(cls);
  for (const ref of cls.body.parents ?? []) {
    const member = parseClassRef(ref, cls.package);
    const parent = declaredClass(packages, member);
    if (parent === undefined) return { kind: "unknown", from: id, missing: wireClassId(member) };
    const fault = visit(packages, parent, [...path, id], visited);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
