// The samples as documents, and which fields of a schema a set of documents uses.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parseAllDocuments } from "yaml";

import { repositoryRoot } from "./api-server.ts";
import type { Manifest } from "./api-server.ts";

/** A sample. */
export interface Sample {
  readonly file: string;
  readonly manifest: Manifest;
}

/** Every document of `config/samples`. */
export function samples(): readonly Sample[] {
  const folder = join(repositoryRoot, "config", "samples");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".yaml"))
    .sort()
    .flatMap((file) =>
      parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((document) => ({
        file,
        manifest: document.toJS() as Manifest,
      })),
    );
}

interface Schema {
  readonly properties?: { readonly [name: string]: Schema };
  readonly items?: Schema;
  readonly enum?: readonly string[];
}

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly [{ readonly schema: { readonly openAPIV3Schema: Schema } }];
  };
}

/** Schema of a kind's spec, from `crds/`. */
export function specSchema(kind: string): Schema {
  const folder = join(repositoryRoot, "crds");
  for (const file of readdirSync(folder)) {
    const [document] = parseAllDocuments(readFileSync(join(folder, file), "utf8"));
    const crd = document?.toJS() as Partial<Crd> | undefined;
    if (crd?.spec?.names?.kind !== kind) continue;
    const schema = crd.spec.versions[0].schema.openAPIV3Schema.properties?.["spec"];
    if (schema !== undefined) return schema;
  }
  throw new Error(`no CRD of ${kind}`);
}

/** Paths of every field of a schema, without indexes of lists. */
export function fieldsOf(schema: Schema, path = "spec"): readonly string[] {
  const inner = schema.items ?? schema;
  return Object.entries(inner.properties ?? {}).flatMap(([name, child]) => [
    `${path}.${name}`,
    ...fieldsOf(child, `${path}.${name}`),
  ]);
}

/** Paths of every field that a document sets, in the same spelling. */
export function fieldsSet(value: unknown, path = "spec"): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsSet(item, path));
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, child]) => [
    `${path}.${name}`,
    ...fieldsSet(child, `${path}.${name}`),
  ]);
}
