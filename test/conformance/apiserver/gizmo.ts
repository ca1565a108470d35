// The custom kind of the suite: lists and maps under the names that mean the same list or map in
// Kubernetes' own kinds, because the fake server tells them apart by name.
import type { KindId } from "#api/meta/index.ts";
import type { KubeObject } from "#controllers/runtime/index.ts";

/** See the head of this file. */
export const GIZMO: KindId = {
  group: "conformance.example.io",
  version: "v1",
  kind: "Gizmo",
  plural: "gizmos",
  namespaced: true,
};

const STRING = { type: "string" };
const NAMED = {
  "x-kubernetes-list-type": "map",
  "x-kubernetes-list-map-keys": ["name"],
};
const STRINGS = { type: "object", additionalProperties: STRING };

const SPEC = {
  type: "object",
  properties: {
    text: STRING,
    replicas: { type: "integer" },
    words: { type: "array", items: STRING },
    selector: { ...STRINGS, "x-kubernetes-map-type": "atomic" },
    options: STRINGS,
    inner: {
      type: "object",
      properties: {
        one: STRING,
        two: STRING,
        deep: { type: "object", properties: { text: STRING, more: STRING } },
      },
    },
    containers: {
      type: "array",
      ...NAMED,
      items: {
        type: "object",
        required: ["name"],
        properties: {
          name: STRING,
          image: STRING,
          env: {
            type: "array",
            ...NAMED,
            items: {
              type: "object",
              required: ["name"],
              properties: { name: STRING, value: STRING },
            },
          },
        },
      },
    },
  },
};

const STATUS = {
  type: "object",
  properties: {
    text: STRING,
    replicas: { type: "integer" },
    conditions: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: {
        type: "object",
        required: ["type"],
        properties: { type: STRING, status: STRING },
      },
    },
  },
};

/** Its CustomResourceDefinition. */
export const GIZMO_CRD: KubeObject = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: `${GIZMO.plural}.${GIZMO.group}` },
  ...{
    spec: {
      group: GIZMO.group,
      scope: "Namespaced",
      names: { kind: GIZMO.kind, plural: GIZMO.plural, singular: "gizmo" },
      versions: [
        {
          name: GIZMO.version,
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: "object", properties: { spec: SPEC, status: STATUS } },
          },
          subresources: {
            status: {},
            scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
          },
        },
      ],
    },
  },
};

/** A gizmo as one sends it. */
export function gizmo(name: string, spec?: object, metadata: object = {}): object {
  return {
    apiVersion: `${GIZMO.group}/${GIZMO.version}`,
    kind: GIZMO.kind,
    metadata: { name, ...metadata },
    ...(spec === undefined ? {} : { spec }),
  };
}

/** A reference to an owner that was read. */
export function ownedBy(
  owner: { readonly metadata: { readonly name: string; readonly uid: string } },
  block = false,
): object {
  const { name, uid } = owner.metadata;
  return {
    apiVersion: `${GIZMO.group}/${GIZMO.version}`,
    kind: GIZMO.kind,
    name,
    uid,
    ...(block ? { blockOwnerDeletion: true } : {}),
  };
}
