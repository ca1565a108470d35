// Reads the sources of the kinds themselves: tags on the kind's interface, where a member stands,
// and JSDoc that the schema generator would drop without a word. ts-json-schema-generator ignores a
// comment on the line of the opening brace, and every tag that it does not know.

import ts from "typescript";
import { parse } from "yaml";

/** Tags that mean something to the compiler; any other is an error. */
export const SCHEMA_TAGS = [
  "x-kubernetes-int-or-string",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-list-type",
  "x-kubernetes-map-type",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
  "immutable",
  "growonly",
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

const KNOWN_TAGS = new Set<string>([...SCHEMA_TAGS, ...KIND_TAGS, ...BASIC_TAGS]);

/** A source file. */
export interface SourceText {
  /** As it is to appear in messages. */
  readonly path: string;
  readonly text: string;
}

/** Interfaces and type aliases of the given files, by name. */
export class Sources {
  readonly #declarations = new Map<string, ts.InterfaceDeclaration | ts.TypeAliasDeclaration>();
  readonly #files: readonly ts.SourceFile[];

  constructor(files: readonly SourceText[]) {
    this.#files = files.map(({ path, text }) =>
      ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true),
    );
    for (const file of this.#files) {
      for (const statement of file.statements) {
        if (ts.isInterfaceDeclaration(statement) || ts.isTypeAliasDeclaration(statement)) {
          this.#declarations.set(statement.name.text, statement);
        }
      }
    }
  }

  /** `path:line` of a type or of a member of it; the type's name where it is not in these files. */
  locate(type: string, member?: string): string {
    const declaration = this.#declarations.get(type);
    if (declaration === undefined) return type;
    const node =
      member === undefined ? declaration : (memberOf(declaration, member) ?? declaration);
    return position(declaration.getSourceFile(), node.getStart());
  }

  /** The parsed tags of an interface. Throws with its position if one cannot be read. */
  tagsOf(type: string): ReadonlyMap<string, unknown> {
    const declaration = this.#declarations.get(type);
    if (declaration === undefined) throw new Error(`no type ${type} in the sources of the kinds`);
    const found = new Map<string, unknown>();
    for (const tag of ts.getJSDocTags(declaration)) {
      const text = ts.getTextOfJSDocComment(tag.comment)?.trim() ?? "";
      found.set(tag.tagName.text, parseTag(text, this.locate(type), tag.tagName.text));
    }
    return found;
  }

  /** First paragraph-joined description of an interface. */
  descriptionOf(type: string): string {
    const declaration = this.#declarations.get(type);
    if (declaration === undefined) return "";
    const texts = ts
      .getJSDocCommentsAndTags(declaration)
      .filter((node) => ts.isJSDoc(node))
      .map((node) => ts.getTextOfJSDocComment(node.comment) ?? "");
    return texts.join(" ").replace(/\s+/g, " ").trim();
  }

  /** Problems that would make documentation or constraints vanish without a word. */
  lint(): readonly string[] {
    return this.#files.flatMap((file) => [...droppedComments(file), ...unknownTags(file)]);
  }
}

function memberOf(
  declaration: ts.InterfaceDeclaration | ts.TypeAliasDeclaration,
  name: string,
): ts.Node | undefined {
  if (!ts.isInterfaceDeclaration(declaration)) return undefined;
  return declaration.members.find(
    (member) => member.name !== undefined && member.name.getText() === name,
  );
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

/** Every JSDoc comment of the file must belong to a declaration. */
function droppedComments(file: ts.SourceFile): readonly string[] {
  const attached = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const doc of ts.getJSDocCommentsAndTags(node)) attached.add(doc.getStart());
    ts.forEachChild(node, visit);
  };
  visit(file);
  const problems: string[] = [];
  for (const match of file.text.matchAll(/\/\*\*(?!\/)/g)) {
    if (!attached.has(match.index)) {
      problems.push(
        `${position(file, match.index)}: this JSDoc belongs to no declaration and would vanish; ` +
          "put it on a line of its own above the member",
      );
    }
  }
  return problems;
}

function unknownTags(file: ts.SourceFile): readonly string[] {
  const problems: string[] = [];
  const visit = (node: ts.Node): void => {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.parent.parent === node && !KNOWN_TAGS.has(tag.tagName.text)) {
        problems.push(
          `${position(file, tag.getStart())}: @${tag.tagName.text} is not a tag of the compiler`,
        );
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return problems;
}

function position(file: ts.SourceFile, at: number): string {
  return `${file.fileName}:${file.getLineAndCharacterOfPosition(at).line + 1}`;
}
