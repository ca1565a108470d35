// Declaration of the OdgmCollection controller for the framework.
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
} from "kubernetes-types/core/v1.js";

import { assertNever } from "#api/base/index.ts";
import { FIELD_MANAGERS, LABELS } from "#api/meta/index.ts";
import type { OdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import type { AnyController, Reader } from "#controllers/runtime/index.ts";
import { defineController, KINDS, watch } from "#controllers/runtime/index.ts";

import { served } from "./fields.ts";
import { COLLECTION, collectionsOf, observe } from "./observe.ts";
import { permissions } from "./permissions.ts";
import type { CollectionCall } from "./plan/calls.ts";
import type { Observed, ObservedCollection } from "./plan/observed.ts";
import type { CollectionPlan } from "./plan/plan.ts";
import { plan } from "./plan/plan.ts";
import type { CollectionPort } from "./port.ts";
import type { CollectionDefaults } from "./render.ts";
import { COMPONENT, render } from "./render.ts";
import type { CollectionFields } from "./status.ts";
import { computeStatus } from "./status.ts";

/** A call with the collection that it is for. */
export interface CollectionCallFor {
  readonly collection: ObservedCollection;
  readonly call: CollectionCall;
}

type PlanFor = CollectionPlan & { readonly collection: ObservedCollection };

async function make(entry: CollectionCallFor, port: CollectionPort): Promise<void> {
  const { call, collection } = entry;
  const { namespace, name, uid } = collection.metadata;
  switch (call.kind) {
    case "issue-certificate": {
      const { apiVersion, kind } = collection;
      const owner = { apiVersion, kind, name, uid };
      const labels = { [LABELS.certificate]: "true", [LABELS.managedBy]: "oaas-operator" };
      const { secretName, identity } = call;
      return await port.issueCertificate({ namespace, secretName, identity, labels, owner });
    }
    case "set-reclaim-policy":
      return await port.setReclaimPolicy(call.volume, call.policy, call.original);
    case "format":
      return await port.format(call.target, call.collection, call.identity);
    case "propose":
      return await port.propose(call.target, call.expected, call.spec);
    case "apply":
      return await port.apply(call.target, call.spec);
    case "adopt-generation":
      return await port.adoptGeneration(call.from, call.to);
    case "resign":
      return await port.resign(call.target, call.seconds);
    case "delete-claim":
      return await port.deleteClaim({ namespace, name: call.name, uid: call.uid });
    case "restart-pod":
      return await port.restartPod({ namespace, name: call.name, uid: call.uid });
    default:
      return assertNever(call);
  }
}

/** Collections whose claim is bound to this volume. */
function ofVolume(volume: PersistentVolume, reader: Reader): ReturnType<typeof collectionsOf> {
  const claim = volume.spec?.claimRef;
  if (claim?.namespace === undefined || claim.name === undefined) return [];
  const found = reader.get(KINDS.PersistentVolumeClaim, {
    namespace: claim.namespace,
    name: claim.name,
  });
  return found === undefined ? [] : collectionsOf(found, reader);
}

/** Collections whose certificate this Secret holds. */
function ofSecret(secret: Secret, reader: Reader): ReturnType<typeof collectionsOf> {
  const namespace = secret.metadata?.namespace ?? "";
  return reader
    .list(COLLECTION, { namespace })
    .map((found) => ({ namespace, name: found.metadata.name }))
    .filter((key) => collectionNames(namespace, key.name).tlsSecret === secret.metadata?.name);
}

/** The controller. `port` reaches members and the CA. */
export function odgmCollectionController(
  defaults: CollectionDefaults,
  port: CollectionPort,
): AnyController {
  const pods = `${LABELS.component}=${COMPONENT}`;
  return defineController<
    OdgmCollection,
    Observed,
    PlanFor,
    CollectionFields,
    CollectionCallFor,
    CollectionPort,
    CollectionDefaults
  >({
    name: "odgm-collection",
    kind: COLLECTION,
    fieldManager: FIELD_MANAGERS.odgmCollection,
    children: [
      { kind: KINDS.ConfigMap },
      { kind: KINDS.PodDisruptionBudget },
      { kind: KINDS.Service },
      { kind: KINDS.ServiceAccount },
      { kind: KINDS.StatefulSet },
    ],
    watches: [
      watch<Pod>({ kind: KINDS.Pod, labelSelector: pods, wakes: collectionsOf }),
      watch<PersistentVolumeClaim>({
        kind: KINDS.PersistentVolumeClaim,
        labelSelector: pods,
        wakes: collectionsOf,
      }),
      watch<PersistentVolume>({ kind: KINDS.PersistentVolume, wakes: ofVolume }),
      watch<Secret>({
        kind: KINDS.Secret,
        labelSelector: `${LABELS.certificate}=true`,
        metadataOnly: true,
        wakes: ofSecret,
      }),
    ],
    sources: [{ start: (wake) => port.start(wake) }],
    permissions,
    served,
    port,
    defaults,
    observe,
    plan: (observed, now) => ({ ...plan(observed, now), collection: observed.collection }),
    render,
    calls: ({ calls, collection }) => calls.map((call) => ({ collection, call })),
    act: async (calls, at) => {
      for (const call of calls) await make(call, at);
    },
    computeStatus,
    requeueAfterMs: (_observed, { wakeAtMs }, now) =>
      wakeAtMs === undefined ? undefined : Math.max(0, wakeAtMs - now.getTime()),
  });
}
