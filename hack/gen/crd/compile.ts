// TypeScript types of kinds to CustomResourceDefinitions. A kind is an interface with `@crd`; the
// types of its members `spec` and `status` are the schemas. Nothing is assumed about whose files
// these are.

import { createGenerator } from "ts-json-schema-generator";
import ts from "typescript";

import { errorMessage } from "#api/base/index.ts";

import { crdDocument } from "./document.ts";
import type { ColumnTag, CrdParts, CrdTag, DocumentMetadata } from "./document.ts";
import { createTypeProgram, diagnosticText, ownFiles, positionIn } from "./program.ts";
import type { ProgramOptions } from "./program.ts";
import { rulesOf } from "./rules.ts";
import type { Schema } from "./schema.ts";
import { descriptionOf, SCHEMA_TAGS, Sources, tagsOf } from "./source.ts";
import { StructuralCompiler } from "./structural.ts";
import type { Definitions, StructuralOptions } from "./structural.ts";
import { structuralProblems } from "./structural-rules.ts";

/** What to compile, and how. */
export interface CompileOptions {
  /**
   * One entry per program. Types of one name may stand in several programs but not in one, so that
   * versions of a kind that share names come as several.
   */
  readonly programs: readonly ProgramOptions[];
  /** In the metadata of every CRD. */
  readonly metadata?: DocumentMetadata;
  /** Refuses members without a description; default false. */
  readonly requireDescriptions?: boolean;
  /** Descriptions are cut to so many characters; whole if not given. */
  readonly descriptionMax?: number;
}

/** A compiled CRD. */
export interface CompiledCrd {
  /** `<plural>.<group>` */
  readonly name: string;
  readonly document: Schema;
}

/**
 * The CRDs of all kinds of the programs, sorted by name. Throws an error whose message lists every
 * problem with the file and line of its source.
 */
export function compileCrds(options: CompileOptions): readonly CompiledCrd[] {
  const problems: string[] = [];
  const attempt = <T>(run: () => T): T | undefined => {
    try {
      return run();
    } catch (cause) {
      problems.push(messageOf(cause));
      return undefined;
    }
  };
  const parts = options.programs.flatMap(
    (program) => attempt(() => compileProgram(program, options, attempt)) ?? [],
  );
  const byName = new Map<string, CrdParts[]>();
  for (const part of parts) {
    const name = `${part.crd.plural}.${part.crd.group}`;
    byName.set(name, [...(byName.get(name) ?? []), part]);
  }
  const compiled = [...byName.keys()].sort().flatMap((name) => {
    const versions = byName.get(name) ?? [];
    const document = attempt(() => checked(crdDocument(versions, options.metadata ?? {})));
    return document === undefined ? [] : [{ name, document }];
  });
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return compiled;
}

/** What the compiler made is held to the API server's rules once more: a breach is its bug. */
function checked(document: Schema): Schema {
  const problems = structuralProblems(document);
  if (problems.length > 0) throw new Error(`the compiler made a bad CRD:\n${problems.join("\n")}`);
  return document;
}

function compileProgram(
  given: ProgramOptions,
  options: CompileOptions,
  attempt: <T>(run: () => T) => T | undefined,
): readonly CrdParts[] {
  const program = createTypeProgram(given);
  const sources = new Sources(ownFiles(program));
  const lint = sources.lint();
  if (lint.length > 0) throw new Error(lint.join("\n"));
  const kinds = sources.kinds();
  if (kinds.length === 0) throw new Error(`${given.files.join(", ")}: no interface has @crd`);
  const schemas = new SchemaSource(program);
  const structural: StructuralOptions = {
    requireDescriptions: options.requireDescriptions ?? false,
    ...(options.descriptionMax === undefined ? {} : { descriptionMax: options.descriptionMax }),
  };
  return kinds.flatMap((kind) => {
    const part = attempt(() => compileKind({ kind, program, sources, schemas, structural }));
    return part === undefined ? [] : [part];
  });
}

function messageOf(cause: unknown): string {
  // Errors of the schema generator say where in a diagnostic.
  const diagnostic = (cause as { readonly diagnostic?: ts.Diagnostic }).diagnostic;
  const text = diagnostic === undefined ? errorMessage(cause) : diagnosticText(diagnostic);
  return text.replace(/Unknown node of kind "(\w+)"/, "$1 has no schema");
}

/** JSON schemas of type declarations of one program. */
class SchemaSource {
  readonly #generator: ReturnType<typeof createGenerator>;

  constructor(program: ts.Program) {
    this.#generator = createGenerator({
      tsProgram: program,
      expose: "all",
      topRef: true,
      jsDoc: "extended",
      sortProps: true,
      encodeRefs: true,
      functions: "fail",
      extraTags: [...SCHEMA_TAGS],
    });
  }

  definitionsOf(node: ts.Node): Definitions {
    const { definitions } = this.#generator.createSchemaFromNodes([node]);
    // JSON Schema of the draft, which the structural compiler reads key by key.
    return (definitions ?? {}) as Definitions;
  }
}

interface KindInput {
  readonly kind: ts.InterfaceDeclaration;
  readonly program: ts.Program;
  readonly sources: Sources;
  readonly schemas: SchemaSource;
  readonly structural: StructuralOptions;
}

const ROOT_MEMBERS = ["apiVersion", "kind", "metadata", "spec", "status"];

function compileKind(input: KindInput): CrdParts {
  const { kind, sources, schemas, structural } = input;
  const where = positionIn(kind.getSourceFile(), kind.getStart());
  const tags = tagsOf(kind);
  const spec = memberType(input, "spec");
  if (spec === undefined) {
    throw new Error(`${where}: ${kind.name.text} has no member spec`);
  }
  refuseOtherMembers(input, where);
  const status = memberType(input, "status");
  const problems: string[] = [];
  const compile = (member: RootMember, path: "spec" | "status"): Schema => {
    try {
      const definitions = schemas.definitionsOf(member.declaration);
      const compiler = new StructuralCompiler(definitions, sources, structural);
      return compiler.compile(member.declaration.name.text, path);
    } catch (cause) {
      const message = messageOf(cause);
      // Some errors of the schema generator know no line.
      problems.push(/^\S+:[0-9]+: /.test(message) ? message : `${where}: ${path}: ${message}`);
      return {};
    }
  };
  const crd = tags.get("crd") as CrdTag;
  const rules = rulesOf(Object.fromEntries(tags), true);
  problems.push(...rules.problems.map((problem) => `${where}: ${problem}`));
  const parts: CrdParts = {
    kind: crd.kind ?? kind.name.text,
    description: descriptionOf(kind),
    crd,
    columns: (tags.get("printcolumns") as readonly ColumnTag[] | undefined) ?? [],
    scale: tags.get("scale") as Schema | undefined,
    selectable: (tags.get("selectable") as readonly string[] | undefined) ?? [],
    rules: rules.rules,
    spec: compile(spec, "spec"),
    isSpecRequired: !spec.isOptional,
    status: status === undefined ? undefined : compile(status, "status"),
    where,
  };
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return parts;
}

interface RootMember {
  readonly declaration: ts.InterfaceDeclaration | ts.TypeAliasDeclaration;
  readonly isOptional: boolean;
}

/** The named type of a member of the kind, its own or inherited. */
function memberType({ kind, program }: KindInput, name: string): RootMember | undefined {
  const checker = program.getTypeChecker();
  const member = checker.getTypeAtLocation(kind).getProperty(name);
  if (member === undefined) return undefined;
  const isOptional = (member.flags & ts.SymbolFlags.Optional) !== 0;
  const type = checker.getNonNullableType(checker.getTypeOfSymbol(member));
  const declarations = (type.aliasSymbol ?? type.getSymbol())?.declarations ?? [];
  const declaration = declarations.find(
    (one) => ts.isInterfaceDeclaration(one) || ts.isTypeAliasDeclaration(one),
  );
  const isPlain = declaration?.typeParameters === undefined;
  if (declaration !== undefined && isPlain && !declaration.getSourceFile().isDeclarationFile) {
    return { declaration, isOptional };
  }
  const at = member.declarations?.[0] ?? kind;
  const where = positionIn(at.getSourceFile(), at.getStart());
  throw new Error(
    `${where}: the type of ${name} needs a name of its own: an interface or a type alias without ` +
      "type parameters",
  );
}

/** The API server allows more at the root, but `/status` and pruning work only with these. */
function refuseOtherMembers({ kind, program }: KindInput, where: string): void {
  const checker = program.getTypeChecker();
  const type = checker.getTypeAtLocation(kind);
  if (checker.getIndexInfosOfType(type).length > 0) {
    throw new Error(`${where}: additionalProperties must not be used at the root of a kind`);
  }
  const others = type.getProperties().filter((member) => !ROOT_MEMBERS.includes(member.name));
  if (others.length === 0) return;
  const lines = others.map((member) => {
    const at = member.declarations?.[0] ?? kind;
    const line = positionIn(at.getSourceFile(), at.getStart());
    return `${line}: ${member.name}: a kind has no members but ${ROOT_MEMBERS.join(", ")}`;
  });
  throw new Error(lines.join("\n"));
}
