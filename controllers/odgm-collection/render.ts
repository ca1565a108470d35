// The objects of a collection: one StatefulSet whose pods each have a claim, a headless Service for
// their names, one Service in front, a budget, and the identity record.
import type { Container } from "kubernetes-types/core/v1.js";

import type { ResourceRequirements } from "#api/meta/index.ts";
import { LABELS, labelValue } from "#api/meta/index.ts";
import type { EffectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import { effectiveOdgmCollection } from "#api/oaas/v1alpha1/index.ts";
import type { CollectionNames } from "#api/workload/odgm-names.ts";
import { collectionNames } from "#api/workload/odgm-names.ts";
import {
  ODGM_PATHS,
  ODGM_PORT_NAMES,
  ODGM_PORTS,
  ODGM_PROBES,
  renderOdgmEnv,
} from "#api/workload/odgm.ts";
import type { Rendered } from "#controllers/objects/index.ts";
import {
  canonicalQuantity,
  configMap,
  container,
  podDisruptionBudget,
  podTemplate,
  present,
  probe,
  service,
  serviceAccount,
  statefulSet,
} from "#controllers/objects/index.ts";

import { encodeIdentity } from "./plan/identity.ts";
import type { Observed } from "./plan/observed.ts";
import type { CollectionPlan } from "./plan/plan.ts";
import { collectionIdentity, gatewayIdentity, operatorIdentity } from "./plan/san.ts";

/** Settings of the operator. */
export interface CollectionDefaults {
  readonly image: string;
  /** Namespace of the operator and the gateway: part of their identities. */
  readonly systemNamespace: string;
}

/** A child and how it is owned; the framework's type, spelled out because pure code has none. */
export interface CollectionChild {
  readonly object: Rendered;
  readonly ownership?: "Reference" | "Label";
  readonly prune?: "Delete" | "Keep";
  readonly adopt?: boolean;
}

/** All children, or why nothing is to be touched. */
export type RenderedCollection =
  | readonly CollectionChild[]
  | {
      readonly refused: {
        readonly reason: string;
        readonly message: string;
        readonly path?: string;
      };
    }
  | { readonly held: { readonly reason: string; readonly message: string } };

/** Label that a data pod carries; the watch on pods is narrowed by it. */
export const COMPONENT = "odgm";

interface Context {
  readonly observed: Observed;
  readonly plan: CollectionPlan;
  readonly defaults: CollectionDefaults;
  readonly effective: EffectiveOdgmCollection;
  readonly names: CollectionNames;
  readonly selector: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly clusterUid: string;
}

/** Labels that select the data pods of one collection and nothing else; immutable. */
export function podSelector(collectionName: string): Readonly<Record<string, string>> {
  return {
    [LABELS.component]: COMPONENT,
    [LABELS.instance]: labelValue(collectionName),
  };
}

/** Renders everything that shall exist. */
export function render(
  observed: Observed,
  plan: CollectionPlan,
  defaults: CollectionDefaults,
): RenderedCollection {
  if (plan.refusal !== undefined) return { refused: plan.refusal };
  if (plan.suspended) return { held: { reason: "Suspended", message: "spec.suspend is true" } };
  const { trust, collection } = observed;
  if (trust === undefined) {
    return { held: { reason: "WaitingForDependency", message: "the operator's CA is not ready" } };
  }
  const { namespace, name, labels } = collection.metadata;
  const selector = podSelector(name);
  const context: Context = {
    observed,
    plan,
    defaults,
    effective: effectiveOdgmCollection(collection.spec),
    names: collectionNames(namespace, name),
    selector,
    labels: {
      ...inherited(labels ?? {}),
      ...selector,
      [LABELS.name]: "odgm",
      [LABELS.partOf]: "oaas-operator",
      [LABELS.managedBy]: "oaas-operator",
      [LABELS.collection]: labelValue(collection.spec.collection),
    },
    clusterUid: trust.clusterUid,
  };
  return [
    ...renderIdentity(context),
    {
      object: serviceAccount({
        name: context.names.serviceAccount,
        namespace,
        labels: context.labels,
      }),
    },
    ...renderServices(context),
    renderBudget(context),
    // Claims without a record are taken for data of somebody unknown: the record comes first, and
    // is stored before anything makes claims, also where writing it fails.
    ...(isFirst(context) ? [] : [{ object: renderStatefulSet(context) }]),
  ];
}

/** True until the first record is stored. */
function isFirst({ observed, plan }: Context): boolean {
  const { identity, claims } = observed;
  return identity === undefined && plan.identity !== undefined && claims.length === 0;
}

/** Labels that tell what a child belongs to; other labels of the collection are not copied. */
function inherited(labels: Readonly<Record<string, string>>): Record<string, string> {
  const wanted = [LABELS.package, LABELS.class, LABELS.runtime, LABELS.environment];
  return Object.fromEntries(
    wanted.flatMap((key) => {
      const value = labels[key];
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** Under Retain the record outlives the collection; under Delete it goes with it. */
function renderIdentity(context: Context): readonly CollectionChild[] {
  const { plan, names, labels, effective } = context;
  const { namespace } = context.observed.collection.metadata;
  if (plan.identity === undefined) return [];
  const data = encodeIdentity(plan.identity);
  const object = configMap({ name: names.identity, namespace, labels, data });
  const kept = effective.deletionPolicy === "Retain";
  if (!kept) return [{ object, adopt: true }];
  return [{ object, ownership: "Label", prune: "Keep", adopt: true }];
}

function renderServices(context: Context): readonly CollectionChild[] {
  const { names, labels, selector } = context;
  const { namespace } = context.observed.collection.metadata;
  const grpc = {
    name: ODGM_PORT_NAMES.grpc,
    port: ODGM_PORTS.grpc,
    appProtocol: "kubernetes.io/h2c",
  };
  const link = { name: ODGM_PORT_NAMES.link, port: ODGM_PORTS.link };
  const health = { name: ODGM_PORT_NAMES.health, port: ODGM_PORTS.health };
  const common = { namespace, labels, selector };
  return [
    { object: service({ ...common, name: names.service, ports: [grpc, link] }) },
    {
      object: service({
        ...common,
        name: names.peers,
        ports: [grpc, link, health],
        headless: true,
        publishNotReadyAddresses: true,
      }),
    },
  ];
}

function renderBudget(context: Context): CollectionChild {
  const { names, labels, selector, plan } = context;
  const { namespace } = context.observed.collection.metadata;
  const maxUnavailable = plan.mayLoseOne ? 1 : 0;
  const input = { name: names.disruptionBudget, namespace, labels, selector, maxUnavailable };
  return { object: podDisruptionBudget(input) };
}

const DEFAULT_RESOURCES: ResourceRequirements = {
  requests: { cpu: "50m", memory: "128Mi" },
  limits: { memory: "512Mi" },
};

function resources(wanted: ResourceRequirements): Container["resources"] {
  return present({
    limits: quantities(wanted.limits),
    requests: quantities(wanted.requests),
  });
}

function quantities(
  list: Readonly<Record<string, string | number>> | undefined,
): Record<string, string> | undefined {
  if (list === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(list).map(([name, value]) => [name, canonicalQuantity(value)]),
  );
}

function renderContainer(context: Context): Container {
  const { observed, defaults, clusterUid } = context;
  const { spec, metadata } = observed.collection;
  const probePath = (path: string) =>
    ({ kind: "http", path, port: ODGM_PORT_NAMES.health }) as const;
  return container({
    name: "odgm",
    image: spec.image ?? defaults.image,
    env: renderOdgmEnv({
      collection: spec.collection,
      adminIdentity: operatorIdentity(clusterUid, defaults.systemNamespace),
      linkIdentities: [
        collectionIdentity(clusterUid, metadata),
        gatewayIdentity(clusterUid, defaults.systemNamespace),
      ],
    }),
    ports: Object.entries(ODGM_PORTS).map(([name, containerPort]) => ({ name, containerPort })),
    resources: resources(spec.resources ?? DEFAULT_RESOURCES),
    volumeMounts: [
      { name: "data", mountPath: ODGM_PATHS.data },
      { name: "tls", mountPath: ODGM_PATHS.tls, readOnly: true },
    ],
    startupProbe: probe(probePath(ODGM_PROBES.live), { periodSeconds: 1, failureThreshold: 120 }),
    livenessProbe: probe(probePath(ODGM_PROBES.live), { periodSeconds: 10, failureThreshold: 6 }),
    readinessProbe: probe(probePath(ODGM_PROBES.ready), { periodSeconds: 2 }),
  });
}

function renderStatefulSet(context: Context): Rendered {
  const { names, labels, selector, effective, plan } = context;
  const { metadata, spec } = context.observed.collection;
  const { placement } = spec;
  return statefulSet({
    name: names.statefulSet,
    namespace: metadata.namespace,
    labels,
    replicas: plan.nodes,
    serviceName: names.peers,
    selector,
    podManagementPolicy: "Parallel",
    updateStrategy: "OnDelete",
    whenDeleted: effective.deletionPolicy,
    template: podTemplate({
      labels,
      containers: [renderContainer(context)],
      volumes: [{ name: "tls", secret: { secretName: names.tlsSecret } }],
      serviceAccountName: names.serviceAccount,
      nodeSelector: placement?.nodeSelector,
      tolerations: placement?.tolerations?.map((toleration) => ({ ...toleration })),
      topologySpreadConstraints: [
        {
          labelSelector: { matchLabels: { ...selector } },
          maxSkew: 1,
          topologyKey: effective.spreadBy,
          whenUnsatisfiable: placement?.spread === "Hard" ? "DoNotSchedule" : "ScheduleAnyway",
        },
      ],
      ownsVolumes: true,
    }),
    volumeClaimTemplates: [
      {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "data", labels: { ...selector } },
        spec: {
          accessModes: ["ReadWriteOnce"],
          resources: { requests: { storage: canonicalQuantity(effective.storage.size) } },
          ...(effective.storage.class === undefined
            ? {}
            : { storageClassName: effective.storage.class }),
          volumeMode: "Filesystem",
        },
      },
    ],
  });
}
