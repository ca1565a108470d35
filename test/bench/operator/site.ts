// The kind that both operators serve: a Site has one ConfigMap and one Service.

import type { Condition } from "#api/meta/index.ts";
import type { Kind, KubeObject } from "#controllers/runtime/index.ts";
import { defineKind } from "#controllers/runtime/index.ts";
import type { ObjectMeta } from "kubernetes-types/meta/v1.js";

/** See the head of this file. `go/site.go` is the same in Go. */
export interface Site {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec: { readonly text: string; readonly port: number };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly address?: string;
    readonly conditions?: readonly Condition[];
  };
}

/** Identity of {@link Site}. */
export const SITE: Kind<Site> = defineKind<Site>({
  group: "bench.example.io",
  version: "v1",
  kind: "Site",
  plural: "sites",
  namespaced: true,
});

/** The finalizer that both operators put on a Site. */
export const SITE_FINALIZER = "bench.example.io/site";

/** A Site as its user applies it. */
export function site(namespace: string, name: string, text: string): KubeObject & Site {
  return {
    apiVersion: "bench.example.io/v1",
    kind: "Site",
    metadata: { namespace, name },
    spec: { text, port: 80 },
  };
}

/** True once the operator has seen this generation and says Ready. */
export function isReady(object: Site): boolean {
  const { status, metadata } = object;
  if (status?.observedGeneration !== metadata.generation) return false;
  return status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ?? false;
}

/** The CustomResourceDefinition of {@link Site}. */
export function siteCrd(): KubeObject {
  const text = { type: "string", maxLength: 1024 };
  const generation = { type: "integer", format: "int64" };
  const condition = {
    type: "object",
    required: ["type", "status", "reason", "lastTransitionTime", "message"],
    properties: {
      type: text,
      status: text,
      reason: text,
      message: text,
      lastTransitionTime: { type: "string", format: "date-time" },
      observedGeneration: generation,
    },
  };
  const conditions = {
    type: "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
    items: condition,
  };
  const port = { type: "integer", format: "int32", minimum: 1, maximum: 65535 };
  const schema = {
    type: "object",
    required: ["spec"],
    properties: {
      spec: { type: "object", required: ["text", "port"], properties: { text, port } },
      status: {
        type: "object",
        properties: { observedGeneration: generation, address: text, conditions },
      },
    },
  };
  const version = {
    name: "v1",
    served: true,
    storage: true,
    subresources: { status: {} },
    schema: { openAPIV3Schema: schema },
  };
  const object = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "sites.bench.example.io" },
    spec: {
      group: SITE.group,
      scope: "Namespaced",
      names: { plural: "sites", singular: "site", kind: "Site", listKind: "SiteList" },
      versions: [version],
    },
  };
  return object;
}
