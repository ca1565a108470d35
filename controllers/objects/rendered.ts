// What every builder of this unit returns: a complete object as server-side apply wants it, and the
// order in which a rendered set is written.
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

import { compareText, nonEmptyMap, present } from "./present.ts";

/** A complete object: the three parts that Kubernetes' types leave optional are there. */
export type Rendered<T = object> = T & {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta & { readonly name: string };
};

/** What the builders need to know to write `metadata`. Cluster-scoped objects have no namespace. */
export interface MetadataInput {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** `metadata` with sorted labels and annotations; the apply step adds the ownerReference. */
export function metadataOf(input: MetadataInput): ObjectMeta & { readonly name: string } {
  return present({
    name: input.name,
    namespace: input.namespace,
    labels: nonEmptyMap(input.labels),
    annotations: nonEmptyMap(input.annotations),
  });
}

// Accounts and configuration before the pods that use them, disruption budgets before the workloads
// they guard, autoscalers after their target. Kinds not named here go last but one, our own last.
const kindOrder = [
  "ServiceAccount",
  "ConfigMap",
  "NetworkPolicy",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "PodDisruptionBudget",
  "Service",
  "StatefulSet",
  "Deployment",
  "HorizontalPodAutoscaler",
];

/** The set sorted by kind (dependencies first), then namespace, then name. */
export function sortObjects<T extends Rendered>(objects: readonly T[]): readonly T[] {
  const rank = (kind: string): number => {
    const index = kindOrder.indexOf(kind);
    return index === -1 ? kindOrder.length : index;
  };
  return [...objects].sort(
    (a, b) =>
      rank(a.kind) - rank(b.kind) ||
      compareText(a.kind, b.kind) ||
      compareText(a.metadata.namespace ?? "", b.metadata.namespace ?? "") ||
      compareText(a.metadata.name, b.metadata.name),
  );
}
