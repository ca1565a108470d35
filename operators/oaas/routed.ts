// Which classes there are to route, from what the caches hold: classes with data by their
// collections, classes without (`addons: []`) by their runtimes. Pure.
import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import type { ClassRuntime, OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { effectiveClassRuntime, effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";

/** A class with data whose committed generation is known. */
export interface RoutedCollection {
  readonly kind: "collection";
  readonly collection: OdgmCollection;
  readonly committed: CollectionSpec;
  /** The class is switched off. */
  readonly disabled: boolean;
}

/** A class without data: its functions are called directly. */
export interface RoutedFunctions {
  readonly kind: "functions";
  readonly runtime: ClassRuntime;
}

/** A class that can be routed. */
export type RoutedClass = RoutedCollection | RoutedFunctions;

/** A class that exists but has not told enough yet: an entry that it had stays. */
export interface UnknownClass {
  /** It is switched off or rests: that is known, and takes effect at once. */
  readonly disabled: boolean;
}

/** What {@link routedClasses} answers. */
export interface RoutedClasses {
  readonly routed: readonly RoutedClass[];
  readonly unknown: ReadonlyMap<string, UnknownClass>;
}

/** Sorts out what is there. `committedOf` tells the generation that a collection's voter told. */
export function routedClasses(
  runtimes: readonly ClassRuntime[],
  collections: readonly OdgmCollection[],
  committedOf: (collection: OdgmCollection) => CollectionSpec | undefined,
): RoutedClasses {
  const routed: RoutedClass[] = [];
  const unknown = new Map<string, UnknownClass>();
  const off = new Set(
    runtimes
      .filter((runtime) => runtime.spec.state === "Disabled")
      .map((runtime) => classKey(runtime, runtime.spec.class)),
  );
  for (const collection of collections) {
    const { spec } = collection;
    const rests = effectiveOdgmCollection(spec).nodes === 0;
    const disabled = rests || off.has(classKey(collection, spec.collection));
    const committed = committedOf(collection);
    if (committed === undefined) unknown.set(spec.collection, { disabled });
    else routed.push({ kind: "collection", collection, committed, disabled });
  }
  for (const runtime of runtimes) {
    if (effectiveClassRuntime(runtime.spec).collection !== undefined) continue;
    if (isReconciled(runtime)) routed.push({ kind: "functions", runtime });
    else unknown.set(runtime.spec.class, { disabled: runtime.spec.state === "Disabled" });
  }
  return { routed, unknown };
}

/** Whether its status already says where its functions are. */
function isReconciled({ spec, status }: ClassRuntime): boolean {
  const told = new Set(status?.functions?.map((fn) => fn.name));
  return (spec.functions ?? []).every((fn) => told.has(fn.name));
}

function classKey(
  object: { readonly metadata: { readonly namespace?: string } },
  name: string,
): string {
  return `${object.metadata.namespace ?? ""}/${name}`;
}
