// YAML or JSON text to a tree that keeps what was written: `version: 1.0` is the text "1.0" and not
// the number 1, `HTTP_PORT: 0080` is "0080". JSON is read as the YAML that it also is.

import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, Scalar } from "yaml";
import type { Document, Node } from "yaml";

/** A value and where it stands. Lines count from 1. */
export type Source =
  | {
      readonly kind: "map";
      readonly line: number;
      readonly entries: ReadonlyMap<string, Source>;
    }
  | { readonly kind: "list"; readonly line: number; readonly items: readonly Source[] }
  | ScalarSource;

/** A single value. */
export interface ScalarSource {
  readonly kind: "scalar";
  readonly line: number;
  /** As it was written, without quotes. */
  readonly text: string;
  /** What it would be to a reader that guesses; text in quotes is always a string. */
  readonly type: "string" | "number" | "boolean" | "null";
}

/** A text that is neither YAML nor JSON. */
export interface SyntaxProblem {
  readonly line: number;
  readonly message: string;
}

/** The documents of a text, empty ones left out, or what is wrong with it. */
export function parseSource(
  text: string,
): { readonly documents: readonly Source[] } | { readonly problems: readonly SyntaxProblem[] } {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false });
  const documents = Array.isArray(parsed) ? (parsed as readonly Document[]) : [];
  const problems = documents.flatMap((document) =>
    document.errors.map((error) => ({
      line: lines.linePos(error.pos[0]).line,
      message: error.message,
    })),
  );
  if (problems.length > 0) return { problems };
  const trees = documents.flatMap((document) =>
    document.contents === null ? [] : [treeOf(document.contents, document, lines)],
  );
  return { documents: trees.filter((tree) => tree.kind !== "scalar" || tree.type !== "null") };
}

function treeOf(node: Node, document: Document, lines: LineCounter): Source {
  const line = lines.linePos(node.range?.[0] ?? 0).line;
  if (isAlias(node)) {
    const target = node.resolve(document) as Node | undefined;
    if (target !== undefined) return treeOf(target, document, lines);
    return { kind: "scalar", line, text: "", type: "null" };
  }
  if (isMap(node)) {
    const entries = new Map<string, Source>();
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? scalarText(key) : String(key);
      entries.set(name, childOf(value as Node | null, line, document, lines));
    }
    return { kind: "map", line, entries };
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => childOf(item as Node | null, line, document, lines));
    return { kind: "list", line, items };
  }
  if (isScalar(node)) return { kind: "scalar", line, text: scalarText(node), type: typeOf(node) };
  return { kind: "scalar", line, text: "", type: "null" };
}

function childOf(
  node: Node | null,
  parentLine: number,
  document: Document,
  lines: LineCounter,
): Source {
  if (node === null) return { kind: "scalar", line: parentLine, text: "", type: "null" };
  return treeOf(node, document, lines);
}

function scalarText(node: Scalar): string {
  if (typeof node.value === "string") return node.value;
  return node.source ?? String(node.value);
}

function typeOf(node: Scalar): ScalarSource["type"] {
  if (node.type !== undefined && node.type !== Scalar.PLAIN) return "string";
  switch (typeof node.value) {
    case "number":
    case "bigint":
      return "number";
    case "boolean":
      return "boolean";
    case "string":
      return "string";
    default:
      return "null";
  }
}
