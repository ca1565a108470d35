// Kinds of Kubernetes itself that operators commonly read or render, as data.

import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from "kubernetes-types/apps/v1.js";
import type { HorizontalPodAutoscaler } from "kubernetes-types/autoscaling/v2.js";
import type { CronJob, Job } from "kubernetes-types/batch/v1.js";
import type { Lease } from "kubernetes-types/coordination/v1.js";
import type {
  ConfigMap,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  Service,
  ServiceAccount,
} from "kubernetes-types/core/v1.js";
import type { EndpointSlice } from "kubernetes-types/discovery/v1.js";
import type { Event } from "kubernetes-types/events/v1.js";
import type { Ingress, NetworkPolicy } from "kubernetes-types/networking/v1.js";
import type { PodDisruptionBudget } from "kubernetes-types/policy/v1.js";
import type {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
} from "kubernetes-types/rbac/v1.js";
import type { StorageClass } from "kubernetes-types/storage/v1.js";

import type { Kind } from "./kind.ts";
import { defineKind } from "./kind.ts";

function namespaced<T extends object>(apiVersion: string, kind: string, plural: string): Kind<T> {
  return defineKind<T>({ ...groupVersion(apiVersion), kind, plural, namespaced: true });
}

function clusterScoped<T extends object>(
  apiVersion: string,
  kind: string,
  plural: string,
): Kind<T> {
  return defineKind<T>({ ...groupVersion(apiVersion), kind, plural, namespaced: false });
}

function groupVersion(apiVersion: string): { readonly group: string; readonly version: string } {
  const slash = apiVersion.indexOf("/");
  return slash < 0
    ? { group: "", version: apiVersion }
    : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** Kinds of Kubernetes 1.30 and later, by kind. */
export const KINDS = {
  ClusterRole: clusterScoped<ClusterRole>(
    "rbac.authorization.k8s.io/v1",
    "ClusterRole",
    "clusterroles",
  ),
  ClusterRoleBinding: clusterScoped<ClusterRoleBinding>(
    "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding",
    "clusterrolebindings",
  ),
  ConfigMap: namespaced<ConfigMap>("v1", "ConfigMap", "configmaps"),
  CronJob: namespaced<CronJob>("batch/v1", "CronJob", "cronjobs"),
  DaemonSet: namespaced<DaemonSet>("apps/v1", "DaemonSet", "daemonsets"),
  Deployment: namespaced<Deployment>("apps/v1", "Deployment", "deployments"),
  EndpointSlice: namespaced<EndpointSlice>(
    "discovery.k8s.io/v1",
    "EndpointSlice",
    "endpointslices",
  ),
  Event: namespaced<Event>("events.k8s.io/v1", "Event", "events"),
  HorizontalPodAutoscaler: namespaced<HorizontalPodAutoscaler>(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
  ),
  Ingress: namespaced<Ingress>("networking.k8s.io/v1", "Ingress", "ingresses"),
  Job: namespaced<Job>("batch/v1", "Job", "jobs"),
  Lease: namespaced<Lease>("coordination.k8s.io/v1", "Lease", "leases"),
  Namespace: clusterScoped<Namespace>("v1", "Namespace", "namespaces"),
  NetworkPolicy: namespaced<NetworkPolicy>(
    "networking.k8s.io/v1",
    "NetworkPolicy",
    "networkpolicies",
  ),
  Node: clusterScoped<Node>("v1", "Node", "nodes"),
  PersistentVolume: clusterScoped<PersistentVolume>("v1", "PersistentVolume", "persistentvolumes"),
  PersistentVolumeClaim: namespaced<PersistentVolumeClaim>(
    "v1",
    "PersistentVolumeClaim",
    "persistentvolumeclaims",
  ),
  Pod: namespaced<Pod>("v1", "Pod", "pods"),
  PodDisruptionBudget: namespaced<PodDisruptionBudget>(
    "policy/v1",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
  ),
  ReplicaSet: namespaced<ReplicaSet>("apps/v1", "ReplicaSet", "replicasets"),
  Role: namespaced<Role>("rbac.authorization.k8s.io/v1", "Role", "roles"),
  RoleBinding: namespaced<RoleBinding>(
    "rbac.authorization.k8s.io/v1",
    "RoleBinding",
    "rolebindings",
  ),
  Secret: namespaced<Secret>("v1", "Secret", "secrets"),
  Service: namespaced<Service>("v1", "Service", "services"),
  ServiceAccount: namespaced<ServiceAccount>("v1", "ServiceAccount", "serviceaccounts"),
  StatefulSet: namespaced<StatefulSet>("apps/v1", "StatefulSet", "statefulsets"),
  StorageClass: clusterScoped<StorageClass>("storage.k8s.io/v1", "StorageClass", "storageclasses"),
} as const;
