// Kubernetes objects that a local cluster starts with. Pure.
import type { NodeLayout } from "./layout.ts";
import { LOCAL_DISKS } from "./node-config.ts";
import type { Disk } from "./node-config.ts";

/** The default StorageClass; its PVs are made beforehand and re-offered by the releaser. */
export const STORAGE_CLASS = "local-disks";

/** Tells the controller manager that somebody else deletes what is behind the PV. */
export const PROVISIONER = "oaas.io/local-disks";

/** Marks PVs that the releaser may wipe and offer again. */
export const DISK_LABEL = "oaas.io/local-disk";

/** Which node a PV of ours is on. */
export const DISK_NODE_LABEL = "oaas.io/local-disk-node";

/** What a PV needs to know of its node. */
type NodeName = Pick<NodeLayout, "name">;

/** A Kubernetes object as JSON. */
export type KubeObject = Readonly<Record<string, unknown>>;

/** Everything but the PVs. */
export function baseObjects(): readonly KubeObject[] {
  return [storageClass(), ...corednsAccess()];
}

/** The PVs of one node: one per disk below {@link LOCAL_DISKS}. */
export function nodeVolumes(node: NodeName, disks: readonly Disk[]): readonly KubeObject[] {
  return disks
    .filter((disk) => disk.mountPoint.startsWith(`${LOCAL_DISKS}/`))
    .map((disk) => localVolume(node, disk));
}

/** The PV of one disk. */
export function localVolume(node: NodeName, disk: Disk): KubeObject {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: {
      name: `${node.name}-${disk.name}`,
      labels: { [DISK_LABEL]: disk.name, [DISK_NODE_LABEL]: node.name },
      annotations: { "pv.kubernetes.io/provisioned-by": PROVISIONER },
    },
    spec: {
      capacity: { storage: `${disk.mib}Mi` },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: STORAGE_CLASS,
      volumeMode: "Filesystem",
      local: { path: disk.mountPoint },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: "kubernetes.io/hostname", operator: "In", values: [node.name] },
              ],
            },
          ],
        },
      },
    },
  };
}

/** The default class. */
export function storageClass(): KubeObject {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: {
      name: STORAGE_CLASS,
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: "kubernetes.io/no-provisioner",
    reclaimPolicy: "Delete",
    volumeBindingMode: "WaitForFirstConsumer",
  };
}

function corednsAccess(): readonly KubeObject[] {
  const name = "oaas-local-coredns";
  const read = ["list", "watch"];
  return [
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name },
      rules: [
        { apiGroups: [""], resources: ["services", "namespaces", "pods"], verbs: read },
        { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"], verbs: read },
      ],
    },
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "system:coredns" }],
    },
  ];
}

/** One YAML-compatible document (JSON) for `kubectl apply -f -`. */
export function objectList(items: readonly KubeObject[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}
