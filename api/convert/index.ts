// Public face of the converter: upstream's documents to our kinds. Nothing is rounded, nothing is
// dropped without a word: what has no place here is a warning, what cannot be meant is a refusal.

import type { ClassRuntime, OdgmCollection, OPackage } from "../oaas/v1alpha1/index.ts";

import { convertClassRuntime } from "./class-runtime.ts";
import { convertCollection } from "./odgm-collection.ts";
import { convertPackage } from "./opackage.ts";
import { Field, Notes } from "./reader.ts";
import type { Note } from "./reader.ts";
import { parseSource } from "./source.ts";
import type { Source } from "./source.ts";

export type { Note } from "./reader.ts";

/** What a conversion gives. `objects` is empty if there are refusals. */
export interface Conversion {
  readonly objects: readonly (OPackage | ClassRuntime | OdgmCollection)[];
  readonly warnings: readonly Note[];
  readonly refusals: readonly Note[];
}

/**
 * Converts YAML or JSON text: packages of oaas-rs and of the Java platform, `ODGM_COLLECTION`
 * arrays, and upstream's ClassRuntime objects, also several documents in one text. Converted
 * classes and collections have Explicit partitioning, as their callers choose partitions.
 */
export function convert(text: string): Conversion {
  const parsed = parseSource(text);
  if ("problems" in parsed) {
    return {
      objects: [],
      warnings: [],
      refusals: parsed.problems.map(({ line, message }) => ({ path: "", line, message })),
    };
  }
  const notes = new Notes();
  const many = parsed.documents.length > 1;
  const objects = parsed.documents.flatMap((document, index) =>
    convertDocument(new Field(many ? `document[${index}]` : "", document, notes)),
  );
  if (parsed.documents.length === 0) {
    notes.refusals.push({ path: "", line: 1, message: "there is no document" });
  }
  const seen = new Set<string>();
  for (const { kind, metadata } of objects) {
    const name = `${kind} ${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
    if (seen.has(name)) {
      const message = `two of them would be ${kind} ${metadata.name ?? ""}`;
      notes.refusals.push({ path: "", line: 1, message });
    }
    seen.add(name);
  }
  const { warnings, refusals } = notes;
  return { objects: refusals.length > 0 ? [] : objects, warnings, refusals };
}

function convertDocument(field: Field): readonly (OPackage | ClassRuntime | OdgmCollection)[] {
  if (field.source.kind === "list") {
    return field.items().flatMap((item) => convertCollection(item) ?? []);
  }
  const fields = field.fields();
  if (fields === undefined) return [];
  const kind = textOf(field.source, "kind");
  if (kind === "ClassRuntime") {
    const runtime = convertClassRuntime(fields);
    return runtime === undefined ? [] : [runtime];
  }
  if (kind !== undefined) {
    field.refuse(`kind ${kind} is none of upstream's documents; apply it as it is`);
    return [];
  }
  if (fields.has("partition_count") || fields.has("shard_type")) {
    const collection = convertCollection(field);
    return collection === undefined ? [] : [collection];
  }
  if (!fields.has("name")) {
    field.refuse("is no package (no name), no collection and no ClassRuntime");
    return [];
  }
  const converted = convertPackage(fields);
  return converted === undefined ? [] : [converted];
}

function textOf(source: Source, name: string): string | undefined {
  if (source.kind !== "map") return undefined;
  const value = source.entries.get(name);
  return value?.kind === "scalar" ? value.text : undefined;
}
