// Reads the sources of the kinds themselves: tags on the kind's interface, where a member stands,
// and JSDoc that the schema generator would drop without a word. ts-json-schema-generator ignores a
// comment on the line of the opening brace, and every tag that it does not know.

import ts from "typescript";
import { parse } from "yaml";

import { positionIn } from "./program.ts";

/** Tags that mean something to the compiler and that the schema generator must pass on. */
export const SCHEMA_TAGS = [
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
  "anyCase",
  "growonly",
  "immutable",
  "recursionDepth",
] as const;

const KIND_TAGS = ["crd", "printcolumns", "scale", "selectable"] as const;

const BASIC_TAGS = [
  "asType",
  "default",
  "format",
  "maxItems",
  "maxLength",
  "maxProperties",
  "maximum",
  "minItems",
  "minLength",
  "minProperties",
  "minimum",
  "multipleOf",
  "nullable",
  "pattern",
  "uniqueItems",
] as const;

/** Tags that are for readers of the source; they leave no trace in a schema. */
export const READER_TAGS = [
  "author",
  "deprecated",
  "example",
  "experimental",
  "internal",
  "packageDocumentation",
  "public",
  "remarks",
  "see",
  "since",
  "template",
  "todo",
] as const;

const KNOWN_TAGS = new Set<string>([...SCHEMA_TAGS, ...KIND_TAGS, ...BASIC_TAGS, ...READER_TAGS]);

/** A type that has a name of its own. */
type Declaration = ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

/** Interfaces and type aliases of some files, by name. */
export class Sources {
  readonly #declarations = new Map<string, Declaration>();
  readonly #files: readonly ts.SourceFile[];

  constructor(files: readonly ts.SourceFile[]) {
    this.#files = files;
    for (const file of files) {
      for (const declaration of declarationsOf(file)) {
        if (!this.#declarations.has(declaration.name.text)) {
          this.#declarations.set(declaration.name.text, declaration);
        }
      }
    }
  }

  /** True if a type of this name stands in these files. */
  has(type: string): boolean {
    return this.#declarations.has(baseName(type));
  }

  /**
   * `path:line` of a type or of a member of it, found by the names on the way to it; as far as it
   * can be followed, and the type's name where it is not in these files.
   */
  locate(type: string, trail: readonly string[] = []): string {
    const node = this.#find(type, trail);
    return node === undefined ? type : positionIn(node.getSourceFile(), node.getStart());
  }

  /** True if the source of this type or member carries the tag. */
  isTagged(type: string, trail: readonly string[], tag: string): boolean {
    const node = this.#find(type, trail);
    return node !== undefined && ts.getJSDocTags(node).some((one) => one.tagName.text === tag);
  }

  /** True if the member is written as a bigint. */
  isBigint(type: string, trail: readonly string[]): boolean {
    const node = this.#find(type, trail);
    if (node === undefined || !("type" in node)) return false;
    return (node.type as ts.Node | undefined)?.kind === ts.SyntaxKind.BigIntKeyword;
  }

  /** Interfaces that carry `@crd`, in the order of the files and of their lines. */
  kinds(): readonly ts.InterfaceDeclaration[] {
    return this.#files.flatMap((file) =>
      declarationsOf(file)
        .filter((declaration) => ts.isInterfaceDeclaration(declaration))
        .filter((one) => ts.getJSDocTags(one).some((tag) => tag.tagName.text === "crd")),
    );
  }

  /** Problems that would make documentation or constraints vanish without a word. */
  lint(): readonly string[] {
    return this.#files.flatMap((file) =>
      declarationsOf(file).flatMap((declaration) => [
        ...droppedComments(file, declaration),
        ...unknownTags(file, declaration),
      ]),
    );
  }

  #find(type: string, trail: readonly string[]): ts.Node | undefined {
    const declaration = this.#declarations.get(baseName(type));
    if (declaration === undefined) return undefined;
    let found: ts.Node = declaration;
    for (const name of trail) {
      const next = this.#memberOf(found, name, 0);
      if (next === undefined) return found;
      found = next;
    }
    return found;
  }

  /** The member of a type, of a member's type, of the items of a list, of what is extended. */
  #memberOf(node: ts.Node, name: string, depth: number): ts.Node | undefined {
    if (depth > DEPTH_MAX) return undefined;
    const further = (next: ts.Node | undefined): ts.Node | undefined =>
      next === undefined ? undefined : this.#memberOf(next, name, depth + 1);
    if (ts.isInterfaceDeclaration(node) || ts.isTypeLiteralNode(node)) {
      const own = node.members.find((member) => member.name?.getText() === name);
      if (own !== undefined || ts.isTypeLiteralNode(node)) return own;
      const bases = (node.heritageClauses ?? []).flatMap((clause) => [...clause.types]);
      return firstOf(bases, (base) => further(this.#declarations.get(base.expression.getText())));
    }
    if (ts.isTypeAliasDeclaration(node) || ts.isPropertySignature(node)) return further(node.type);
    if (ts.isTypeOperatorNode(node) || ts.isParenthesizedTypeNode(node)) return further(node.type);
    if (ts.isArrayTypeNode(node)) return further(node.elementType);
    if (ts.isIntersectionTypeNode(node) || ts.isUnionTypeNode(node)) {
      return firstOf([...node.types], further);
    }
    if (!ts.isTypeReferenceNode(node)) return undefined;
    const named = this.#declarations.get(node.typeName.getText());
    return further(named) ?? firstOf([...(node.typeArguments ?? [])], further);
  }
}

const DEPTH_MAX = 16;

function firstOf<T, R>(items: readonly T[], find: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `List<Item>` is written as `List`. */
function baseName(type: string): string {
  return type.replace(/<.*$/s, "");
}

function declarationsOf(file: ts.SourceFile): readonly Declaration[] {
  const isType = (node: ts.Statement): node is Declaration =>
    ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
  return file.statements.filter(isType);
}

/** The parsed tags of a kind's interface. Throws with its position if one cannot be read. */
export function tagsOf(declaration: ts.InterfaceDeclaration): ReadonlyMap<string, unknown> {
  const where = positionIn(declaration.getSourceFile(), declaration.getStart());
  return new Map(
    ts.getJSDocTags(declaration).map((tag) => {
      const text = ts.getTextOfJSDocComment(tag.comment)?.trim() ?? "";
      return [tag.tagName.text, parseTag(text, where, tag.tagName.text)];
    }),
  );
}

/** The description of an interface on one line. */
export function descriptionOf(declaration: ts.InterfaceDeclaration): string {
  const texts = ts
    .getJSDocCommentsAndTags(declaration)
    .filter((node) => ts.isJSDoc(node))
    .map((node) => ts.getTextOfJSDocComment(node.comment) ?? "");
  return texts.join(" ").replace(/\s+/g, " ").trim();
}

function parseTag(text: string, where: string, tag: string): unknown {
  if (text === "") return true;
  try {
    // Flow style of YAML reads what JSON5 does here, escaped line ends included.
    return parse(text) as unknown;
  } catch (cause) {
    throw new Error(`${where}: @${tag} cannot be read`, { cause });
  }
}

/** Every JSDoc comment inside a type must belong to one of its members. */
function droppedComments(file: ts.SourceFile, declaration: Declaration): readonly string[] {
  const attached: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    attached.push(...ts.getJSDocCommentsAndTags(node).filter((doc) => ts.isJSDoc(doc)));
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  const problems: string[] = [];
  const text = file.text.slice(declaration.pos, declaration.end);
  for (const match of text.matchAll(/\/\*\*(?!\/)/g)) {
    const at = declaration.pos + match.index;
    if (attached.some((doc) => doc.getStart() <= at && at < doc.end)) continue;
    problems.push(
      `${positionIn(file, at)}: this JSDoc belongs to no declaration and would vanish; ` +
        "put it on a line of its own above the member",
    );
  }
  return problems;
}

function unknownTags(file: ts.SourceFile, declaration: Declaration): readonly string[] {
  const problems: string[] = [];
  const visit = (node: ts.Node): void => {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.parent.parent === node && !KNOWN_TAGS.has(tag.tagName.text)) {
        problems.push(
          `${positionIn(file, tag.getStart())}: @${tag.tagName.text} is not a tag of the compiler`,
        );
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return problems;
}
