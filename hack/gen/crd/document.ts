// The CustomResourceDefinition around the schemas of a kind's spec and status.

import type { Schema } from "./schema.ts";

/** The `@crd` tag of a kind. */
export interface CrdTag {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
}

/** One entry of `@printcolumns`: a JSON path, or a field of a condition (`status` if not said). */
export interface ColumnTag {
  readonly name: string;
  readonly type?: string;
  readonly jsonPath?: string;
  readonly condition?: string;
  readonly field?: "status" | "reason" | "message";
  readonly priority?: number;
}

/** Everything that a CRD is made of. */
export interface CrdParts {
  readonly kind: string;
  readonly description: string;
  readonly crd: CrdTag;
  readonly columns: readonly ColumnTag[];
  readonly scale: Schema | undefined;
  readonly selectable: readonly string[];
  readonly rules: readonly Schema[];
  readonly spec: Schema;
  readonly status: Schema;
}

/** The whole document. Its name is `<plural>.<group>`. */
export function crdDocument(parts: CrdParts): Schema {
  const { crd } = parts;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${crd.plural}.${crd.group}`,
      // Deleting a CRD deletes every object of the kind, and with it data.
      annotations: { "argocd.argoproj.io/sync-options": "Prune=false,Delete=false" },
      labels: { "app.kubernetes.io/part-of": "oaas-operator" },
    },
    spec: {
      group: crd.group,
      scope: crd.scope,
      names: {
        kind: parts.kind,
        listKind: `${parts.kind}List`,
        plural: crd.plural,
        singular: crd.singular,
        shortNames: crd.shortNames,
        categories: crd.categories,
      },
      versions: [
        {
          name: crd.version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: rootSchema(parts) },
          subresources: {
            status: {},
            ...(parts.scale === undefined ? {} : { scale: parts.scale }),
          },
          additionalPrinterColumns: parts.columns.map(column),
          ...(parts.selectable.length === 0
            ? {}
            : { selectableFields: parts.selectable.map((jsonPath) => ({ jsonPath })) }),
        },
      ],
    },
  };
}

function rootSchema(parts: CrdParts): Schema {
  return {
    type: "object",
    description: parts.description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: parts.spec,
      // A new object reads as in progress before any controller has written to it.
      status: { ...parts.status, default: { observedGeneration: -1 } },
    },
    ...(parts.rules.length === 0 ? {} : { "x-kubernetes-validations": parts.rules }),
  };
}

function column(tag: ColumnTag): Schema {
  const jsonPath =
    tag.condition === undefined
      ? tag.jsonPath
      : `.status.conditions[?(@.type=="${tag.condition}")].${tag.field ?? "status"}`;
  if (jsonPath === undefined) throw new Error(`column ${tag.name} has no jsonPath or condition`);
  return {
    name: tag.name,
    type: tag.type ?? "string",
    ...(tag.priority === undefined ? {} : { priority: tag.priority }),
    jsonPath,
  };
}
