// Deployments and StatefulSets.
import type { Deployment, StatefulSet } from "kubernetes-types/apps/v1.js";
import type { PersistentVolumeClaim, PodTemplateSpec } from "kubernetes-types/core/v1.js";

import { nonEmpty, nonEmptyMap, present } from "./present.ts";
import { metadataOf } from "./rendered.ts";
import type { MetadataInput, Rendered } from "./rendered.ts";

/** Input of {@link deployment}. */
export interface DeploymentInput extends MetadataInput {
  /** Absent: another manager (an autoscaler) owns the count. */
  readonly replicas?: number | undefined;
  /** Immutable once created. */
  readonly selector: Readonly<Record<string, string>>;
  readonly template: PodTemplateSpec;
  /** Seconds until a rollout that makes no progress is reported; default 120. */
  readonly progressDeadlineSeconds?: number | undefined;
}

/** A Deployment that rolls one pod at a time without ever going below its count. */
export function deployment(input: DeploymentInput): Rendered<Deployment> {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(input),
    spec: present({
      progressDeadlineSeconds: input.progressDeadlineSeconds ?? 120,
      replicas: input.replicas,
      revisionHistoryLimit: 3,
      selector: { matchLabels: nonEmptyMap(input.selector) ?? {} },
      strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 }, type: "RollingUpdate" },
      template: input.template,
    }),
  };
}

/** Input of {@link statefulSet}. */
export interface StatefulSetInput extends MetadataInput {
  readonly replicas: number;
  /** Name of the headless Service. */
  readonly serviceName: string;
  /** Immutable once created. */
  readonly selector: Readonly<Record<string, string>>;
  readonly template: PodTemplateSpec;
  readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[] | undefined;
  readonly podManagementPolicy: "Parallel" | "OrderedReady";
  /** OnDelete: the operator restarts the pods, one when the rest has caught up. */
  readonly updateStrategy: "OnDelete" | "RollingUpdate";
  /** What becomes of the claims when the set is deleted; scaling down always keeps them. */
  readonly whenDeleted: "Retain" | "Delete";
}

/** A StatefulSet. */
export function statefulSet(input: StatefulSetInput): Rendered<StatefulSet> {
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: metadataOf(input),
    spec: present({
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: input.whenDeleted,
        whenScaled: "Retain",
      },
      podManagementPolicy: input.podManagementPolicy,
      replicas: input.replicas,
      revisionHistoryLimit: 3,
      selector: { matchLabels: nonEmptyMap(input.selector) ?? {} },
      serviceName: input.serviceName,
      template: input.template,
      updateStrategy: { type: input.updateStrategy },
      volumeClaimTemplates: nonEmpty(input.volumeClaimTemplates),
    }),
  };
}
