// Registers a CustomResourceDefinition, and updates one that says something else.

import type { V1CustomResourceDefinition } from "@kubernetes/client-node";
import { parse } from "yaml";

import type { Client, KubeObject, Live } from "#controllers/runtime/index.ts";
import { defineKind, isStatus, keyOf } from "#controllers/runtime/index.ts";

import { FIELD_MANAGER } from "./object-writes.ts";

const CRD = defineKind<V1CustomResourceDefinition & KubeObject>({
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
});

const ATTEMPTS_MAX = 5;

/** What was done, and the definition of the text. */
export interface Registration {
  readonly outcome: "registered" | "updated" | "unchanged";
  readonly definition: V1CustomResourceDefinition & KubeObject;
}

/**
 * Makes the cluster serve the definition in this YAML text. Labels, annotations, and a CA bundle
 * that somebody has injected into the conversion webhook stay. Throws the server's refusal, such as
 * that of a version which objects are still stored in, and Error for a text that is no v1 CRD.
 */
export async function registerDefinition(client: Client, text: string): Promise<Registration> {
  const definition = parseDefinition(text);
  const options = { fieldManager: FIELD_MANAGER };
  try {
    await client.create(CRD, definition, options);
    return { outcome: "registered", definition };
  } catch (cause) {
    if (!isStatus(cause, 409)) throw cause;
  }
  for (let attempt = 1; ; attempt++) {
    const live = await client.get(CRD, keyOf(definition));
    if (live === undefined) return registerDefinition(client, text);
    try {
      const updated = await client.replace(CRD, mergeInto(live, definition), options);
      const same = updated.metadata.generation === live.metadata.generation;
      return { outcome: same ? "unchanged" : "updated", definition };
    } catch (cause) {
      if (!isStatus(cause, 409) || attempt >= ATTEMPTS_MAX) throw cause;
    }
  }
}

function parseDefinition(text: string): V1CustomResourceDefinition & KubeObject {
  const definition = parse(text) as (V1CustomResourceDefinition & KubeObject) | null;
  if (definition?.apiVersion?.startsWith("apiextensions.k8s.io/") !== true) {
    throw new Error("Invalid CRD yaml (expected 'apiextensions.k8s.io')");
  }
  // The server judges the rest.
  return definition;
}

function mergeInto(
  live: Live<V1CustomResourceDefinition & KubeObject>,
  definition: V1CustomResourceDefinition & KubeObject,
): KubeObject {
  const { managedFields: _managedFields, ...metadata } = live.metadata;
  const spec = structuredClone(definition.spec);
  const injected = live.spec.conversion?.webhook?.clientConfig?.caBundle;
  const target = spec.conversion?.webhook?.clientConfig;
  if (target !== undefined && injected !== undefined) target.caBundle ??= injected;
  const merged = {
    ...live,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, ...definition.metadata.labels },
      annotations: { ...metadata.annotations, ...definition.metadata.annotations },
    },
    spec,
  };
  return merged;
}
