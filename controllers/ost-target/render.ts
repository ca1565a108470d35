// The objects of one target, all in the operator's namespace and none with an ownerReference: a
// drain must outlive a foreground delete of the target.
import type { PersistentVolume, PersistentVolumeClaim } from "kubernetes-types/core/v1.js";
import type { StatefulSet } from "kubernetes-types/apps/v1.js";

import { utf8Encode } from "#api/base/index.ts";
import { childName, LABELS, labelValue, sha256Hex } from "#api/meta/index.ts";
import { effectiveOstTarget } from "#api/rawstor/v1alpha1/index.ts";
import {
  ostDataDir,
  ostPorts,
  ostProbes,
  ostTerminationGraceSeconds,
  renderOstEnv,
} from "#api/workload/ost.ts";
import type { Rendered } from "#controllers/objects/index.ts";
import {
  canonicalQuantity,
  configMap,
  container,
  parseQuantity,
  podTemplate,
  present,
  probe,
  service,
  serviceAccount,
  statefulSet,
} from "#controllers/objects/index.ts";

import type { Observed, TargetDefaults, TargetPlan } from "./plan/plan.ts";
import { TEMPLATE_ANNOTATION } from "./plan/plan.ts";
import { encodeRecord } from "./plan/record.ts";

/** A child and how it is owned; the framework's type, spelled out because pure code has none. */
export interface TargetChild {
  readonly object: Rendered;
  readonly ownership: "Label";
  readonly prune?: "Delete" | "Keep";
  readonly adopt?: boolean;
}

/** All children, or why nothing is to be touched. */
export type RenderedTarget =
  readonly TargetChild[] | { readonly refused: NonNullable<TargetPlan["refusal"]> };

/** Value of the component label of target pods; the watch on pods is narrowed by it. */
export const COMPONENT = "ost";
/** Size of a local volume in name only: its file system and `spec.capacity` are the limits. */
const NOMINAL_SIZE = "1Ti";

/** Names of the children of a target. */
export function targetNames(name: string): {
  readonly statefulSet: string;
  readonly service: string;
  readonly serviceAccount: string;
  readonly volume: string;
  readonly claim: string;
  readonly identity: string;
} {
  const child = (childKind: string): string =>
    childName({
      childKind,
      namespace: "",
      parentKind: "OstTarget",
      parentName: name,
      childKey: "",
    });
  return {
    statefulSet: child("StatefulSet"),
    service: child("Service"),
    serviceAccount: child("ServiceAccount"),
    volume: child("PersistentVolume"),
    claim: child("PersistentVolumeClaim"),
    identity: `${name}-identity`,
  };
}

/** Labels that select the pod of one target and nothing else. */
export function podSelector(name: string): Readonly<Record<string, string>> {
  return { [LABELS.component]: COMPONENT, [LABELS.target]: labelValue(name) };
}

interface Context {
  readonly observed: Observed;
  readonly plan: TargetPlan;
  readonly defaults: TargetDefaults;
  readonly labels: Readonly<Record<string, string>>;
  readonly names: ReturnType<typeof targetNames>;
}

/** Renders everything that shall exist. */
export function render(
  observed: Observed,
  plan: TargetPlan,
  defaults: TargetDefaults,
): RenderedTarget {
  if (plan.refusal !== undefined) return { refused: plan.refusal };
  const { name } = observed.target.metadata;
  const labels = {
    ...podSelector(name),
    [LABELS.name]: "ost",
    [LABELS.instance]: labelValue(name),
    [LABELS.partOf]: "oaas-operator",
    [LABELS.managedBy]: "rawstor-operator",
  };
  const context: Context = { observed, plan, defaults, labels, names: targetNames(name) };
  const { namespace } = defaults;
  const base = { namespace, labels };
  const identity = configMap({
    ...base,
    name: context.names.identity,
    data: encodeRecord(plan.record),
  });
  const recorded: TargetChild = {
    object: identity,
    ownership: "Label",
    prune: "Keep",
    adopt: true,
  };
  if (!plan.serve) return [recorded];
  return [
    recorded,
    { object: serviceAccount({ ...base, name: context.names.serviceAccount }), ownership: "Label" },
    ...renderMedium(context),
    {
      object: service({
        ...base,
        name: context.names.service,
        selector: podSelector(name),
        ports: [{ name: "rawstor", port: ostPorts.protocol }],
      }),
      ownership: "Label",
    },
    { object: renderStatefulSet(context), ownership: "Label" },
  ];
}

/** What restarts a pod: its template without the format policy, which matters only at its start. */
export function templateName(
  observed: Observed,
  plan: TargetPlan,
  defaults: TargetDefaults,
): string {
  const children = render(observed, { ...plan, serve: true, format: "Never" }, defaults);
  if ("refused" in children) return "";
  const set = children.find((child) => child.object.kind === "StatefulSet");
  const annotations = (set?.object as StatefulSet | undefined)?.spec?.template.metadata
    ?.annotations;
  return annotations?.[TEMPLATE_ANNOTATION] ?? "";
}

function renderMedium(context: Context): readonly TargetChild[] {
  const { observed, defaults, labels, names } = context;
  const { medium } = effectiveOstTarget(observed.target.spec);
  const size = medium?.kind === "claim" ? canonicalQuantity(medium.size) : NOMINAL_SIZE;
  const storageClassName = medium?.kind === "claim" ? medium.storageClassName : "";
  const claim: Rendered<PersistentVolumeClaim> = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: names.claim, namespace: defaults.namespace, labels },
    spec: {
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: size } },
      volumeMode: "Filesystem",
      ...(storageClassName === undefined ? {} : { storageClassName }),
      ...(medium?.kind === "path" ? { volumeName: names.volume } : {}),
    },
  };
  if (medium?.kind !== "path") return [{ object: claim, ownership: "Label", prune: "Keep" }];
  const volume: Rendered<PersistentVolume> = {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: names.volume, labels },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: size },
      claimRef: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        name: names.claim,
        namespace: defaults.namespace,
      },
      local: { path: medium.path },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                {
                  key: "kubernetes.io/hostname",
                  operator: "In",
                  values: [observed.target.spec.nodeName],
                },
              ],
            },
          ],
        },
      },
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: "",
      volumeMode: "Filesystem",
    },
  };
  // The claim goes before the volume, so that the volume is not held by its protection finalizer.
  return [
    { object: volume, ownership: "Label" },
    { object: claim, ownership: "Label" },
  ];
}

function renderStatefulSet(context: Context): Rendered {
  const { observed, plan, defaults, labels, names } = context;
  const { spec, metadata } = observed.target;
  const capacity = effectiveOstTarget(spec).capacity;
  const capacityBytes = capacity === undefined ? undefined : bytesOf(capacity);
  const build = (format: TargetPlan["format"], annotations: Record<string, string>) =>
    podTemplate({
      labels,
      annotations,
      containers: [
        container({
          name: "ost",
          image: spec.image ?? defaults.image,
          env: renderOstEnv(
            present({
              listen: { host: "0.0.0.0", port: ostPorts.protocol },
              healthListen: { host: "0.0.0.0", port: ostPorts.health },
              dataDir: ostDataDir,
              cluster: defaults.clusterUid,
              target: plan.record.target,
              format,
              capacityBytes,
            }),
          ),
          ports: [
            { name: "rawstor", containerPort: ostPorts.protocol },
            { name: "health", containerPort: ostPorts.health },
          ],
          resources: resources(spec.resources),
          volumeMounts: [{ name: "data", mountPath: ostDataDir }],
          livenessProbe: probe(
            { kind: "http", path: ostProbes.liveness.path, port: "health" },
            ostProbes.liveness,
          ),
          readinessProbe: probe(
            { kind: "http", path: ostProbes.readiness.path, port: "health" },
            ostProbes.readiness,
          ),
        }),
      ],
      serviceAccountName: names.serviceAccount,
      nodeSelector: { "kubernetes.io/hostname": spec.nodeName },
      tolerations: [{ operator: "Exists", effect: "NoSchedule" }],
      terminationGracePeriodSeconds: ostTerminationGraceSeconds,
      ownsVolumes: true,
      volumes: [{ name: "data", persistentVolumeClaim: { claimName: names.claim } }],
    });
  const template = sha256Hex(utf8Encode(JSON.stringify(build("Never", {})))).slice(0, 16);
  return statefulSet({
    name: names.statefulSet,
    namespace: defaults.namespace,
    labels,
    replicas: 1,
    serviceName: names.service,
    selector: podSelector(metadata.name),
    podManagementPolicy: "Parallel",
    updateStrategy: "OnDelete",
    whenDeleted: "Retain",
    template: build(plan.format, { [TEMPLATE_ANNOTATION]: template }),
  });
}

function bytesOf(quantity: string | number): number | undefined {
  const parsed = parseQuantity(quantity);
  return parsed === undefined ? undefined : Number(parsed.nano / 1_000_000_000n);
}

function resources(wanted: Observed["target"]["spec"]["resources"]): {
  limits?: Record<string, string>;
  requests?: Record<string, string>;
} {
  const given = wanted ?? {
    requests: { cpu: "50m", memory: "96Mi" },
    limits: { memory: "512Mi" },
  };
  return present({ limits: quantities(given.limits), requests: quantities(given.requests) });
}

function quantities(
  list: Readonly<Record<string, string | number>> | undefined,
): Record<string, string> | undefined {
  if (list === undefined) return undefined;
  return Object.fromEntries(
    Object.entries(list).map(([name, value]) => [name, canonicalQuantity(value)]),
  );
}
