// TypeScript types of a kind to its CustomResourceDefinition. `X` carries the tags of the kind,
// `XSpec` and `XStatus` are the schemas.

import { readFileSync } from "node:fs";

import { createGenerator } from "ts-json-schema-generator";

import { errorMessage } from "#api/base/index.ts";

import { crdDocument } from "./document.ts";
import type { ColumnTag, CrdTag } from "./document.ts";
import { SCHEMA_TAGS, Sources } from "./source.ts";
import { StructuralCompiler } from "./structural.ts";
import type { Schema } from "./schema.ts";
import type { Definitions } from "./structural.ts";

/** What to compile. */
export interface CompileOptions {
  /** A flat tsconfig that includes the sources; a composite one does not work. */
  readonly tsconfig: string;
  /** The files in which the types of the kinds stand, for tags, positions and lint. */
  readonly files: readonly string[];
  /** Names of the kinds' interfaces. */
  readonly kinds: readonly string[];
}

/** A compiled kind. */
export interface CompiledKind {
  /** `<plural>.<group>` */
  readonly name: string;
  readonly document: Schema;
}

/**
 * The CRDs of `kinds`, in their order. Throws an error whose message lists every problem with the
 * file and line of its source.
 */
export function compileKinds(options: CompileOptions): readonly CompiledKind[] {
  const sources = new Sources(
    options.files.map((path) => ({ path, text: readFileSync(path, "utf8") })),
  );
  const problems = sources.lint();
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const types = options.kinds.flatMap((kind) => [`${kind}Spec`, `${kind}Status`]);
  const definitions = generate(options.tsconfig, types);
  const problemsOfKinds: string[] = [];
  const compiled = options.kinds.flatMap((kind) => {
    try {
      return [compileKind(kind, definitions, sources)];
    } catch (cause) {
      problemsOfKinds.push(errorMessage(cause));
      return [];
    }
  });
  if (problemsOfKinds.length > 0) throw new Error(problemsOfKinds.join("\n"));
  return compiled;
}

function generate(tsconfig: string, types: readonly string[]): Definitions {
  const generator = createGenerator({
    tsconfig,
    type: [...types],
    expose: "all",
    topRef: true,
    jsDoc: "extended",
    sortProps: true,
    encodeRefs: true,
    functions: "fail",
    extraTags: [...SCHEMA_TAGS],
  });
  const definitions: Record<string, Schema> = {};
  for (const type of types) {
    Object.assign(definitions, generator.createSchema(type).definitions ?? {});
  }
  return definitions;
}

function compileKind(kind: string, definitions: Definitions, sources: Sources): CompiledKind {
  const tags = sources.tagsOf(kind);
  const crd = tags.get("crd") as CrdTag | undefined;
  if (crd === undefined) throw new Error(`${sources.locate(kind)}: ${kind} has no @crd`);
  const compiler = new StructuralCompiler(definitions, sources);
  const document = crdDocument({
    kind,
    description: sources.descriptionOf(kind),
    crd,
    columns: (tags.get("printcolumns") as readonly ColumnTag[] | undefined) ?? [],
    scale: tags.get("scale") as Schema | undefined,
    selectable: (tags.get("selectable") as readonly string[] | undefined) ?? [],
    rules: (tags.get("x-kubernetes-validations") as readonly Schema[] | undefined) ?? [],
    spec: compiler.compile(`${kind}Spec`, "spec"),
    status: compiler.compile(`${kind}Status`, "status"),
  });
  return { name: `${crd.plural}.${crd.group}`, document };
}
