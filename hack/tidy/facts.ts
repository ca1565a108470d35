// Reads one TypeScript file into the facts that the rules need: one walk over its syntax tree, no
// types, so that the whole repository takes a second or two.
import ts from "typescript";

import type {
  FileFacts,
  FunctionFact,
  ImportFact,
  Located,
  SyntaxFacts,
  ValueFact,
} from "./model.ts";

/** Facts about the file `path` with this text; of text that does not parse, what could be read. */
export function readFacts(path: string, text: string): FileFacts {
  const lines = text.split("\n");
  if (!path.endsWith(".ts")) return { path, lines };
  return { path, lines, syntax: readSyntax(path, text) };
}

interface Collected {
  readonly imports: ImportFact[];
  readonly startedFiles: string[];
  readonly functions: FunctionFact[];
  readonly accesses: Located[];
  readonly clockReads: number[];
  readonly asyncLines: number[];
}

function readSyntax(path: string, text: string): SyntaxFacts {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.TS);
  const collected: Collected = {
    imports: [],
    startedFiles: [],
    functions: [],
    accesses: [],
    clockReads: [],
    asyncLines: [],
  };
  visit(file, file, collected);
  return {
    ...collected,
    mutableGlobals: mutableGlobalsOf(file),
    defaultExports: defaultExportsOf(file),
    exportedValues: exportedValuesOf(file),
    undocumentedExports: undocumentedExportsOf(file),
    comments: commentsOf(file, text),
    opensWithComment: /^(#![^\n]*\n)?\s*\/[/*]/.test(text),
  };
}

function visit(node: ts.Node, file: ts.SourceFile, collected: Collected): void {
  collectImport(node, file, collected.imports);
  collectFunction(node, file, collected);
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const text = `${node.expression.text}.${node.name.text}`;
    collected.accesses.push({ text, line: lineOf(file, node) });
  }
  if (ts.isStringLiteralLike(node) && !isSpecifier(node)) {
    const name = /([\w.-]+\.ts)$/.exec(node.text)?.[1];
    if (name !== undefined) collected.startedFiles.push(name);
  }
  if (isClockRead(node)) collected.clockReads.push(lineOf(file, node));
  if (ts.isAwaitExpression(node)) collected.asyncLines.push(lineOf(file, node));
  ts.forEachChild(node, (child) => {
    visit(child, file, collected);
  });
}

function collectImport(node: ts.Node, file: ts.SourceFile, imports: ImportFact[]): void {
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return;
    imports.push({ specifier: specifier.text, line: lineOf(file, node), isTypeOnly });
  };
  if (ts.isImportDeclaration(node)) {
    add(node.moduleSpecifier, isTypeOnlyImport(node.importClause));
  } else if (ts.isExportDeclaration(node)) {
    add(node.moduleSpecifier, node.isTypeOnly);
  } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    add(node.arguments[0], false);
  } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    add(node.argument.literal, true);
  }
}

function isSpecifier(node: ts.Node): boolean {
  return ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent);
}

function isTypeOnlyImport(clause: ts.ImportClause | undefined): boolean {
  if (clause === undefined) return false;
  if (clause.isTypeOnly) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined) return false;
  if (!ts.isNamedImports(bindings) || bindings.elements.length === 0) return false;
  return bindings.elements.every((element) => element.isTypeOnly);
}

function collectFunction(node: ts.Node, file: ts.SourceFile, collected: Collected): void {
  if (!ts.isFunctionLike(node)) return;
  if (hasModifier(node, ts.SyntaxKind.AsyncKeyword)) collected.asyncLines.push(lineOf(file, node));
  const body = (node as ts.FunctionLikeDeclaration).body;
  if (body === undefined) return;
  const line = lineOf(file, node);
  const endLine = file.getLineAndCharacterOfPosition(node.getEnd()).line + 1;
  collected.functions.push({ name: functionName(node), line, lineCount: endLine - line + 1 });
}

function functionName(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  const parent = node.parent;
  return ts.isVariableDeclaration(parent) ? parent.name.getText() : "an anonymous function";
}

function isClockRead(node: ts.Node): boolean {
  return (
    ts.isNewExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === "Date" &&
    (node.arguments ?? []).length === 0
  );
}

function mutableGlobalsOf(file: ts.SourceFile): readonly Located[] {
  return file.statements.filter(ts.isVariableStatement).flatMap((statement) => {
    if ((statement.declarationList.flags & ts.NodeFlags.Const) !== 0) return [];
    if (hasModifier(statement, ts.SyntaxKind.DeclareKeyword)) return [];
    const names = statement.declarationList.declarations.map((one) => one.name.getText());
    return [{ text: names.join(", "), line: lineOf(file, statement) }];
  });
}

function defaultExportsOf(file: ts.SourceFile): readonly number[] {
  return file.statements
    .filter(
      (statement) =>
        ts.isExportAssignment(statement) || hasModifier(statement, ts.SyntaxKind.DefaultKeyword),
    )
    .map((statement) => lineOf(file, statement));
}

function undocumentedExportsOf(file: ts.SourceFile): readonly Located[] {
  const seen = new Set<string>();
  return file.statements.flatMap((statement) => {
    if (!hasModifier(statement, ts.SyntaxKind.ExportKeyword)) return [];
    const name = declaredName(statement);
    // A further overload, or the value beside a type of the same name, needs no second doc.
    if (seen.has(name) || ts.getJSDocCommentsAndTags(statement).length > 0) {
      seen.add(name);
      return [];
    }
    return [{ text: name, line: lineOf(file, statement) }];
  });
}

function exportedValuesOf(file: ts.SourceFile): readonly ValueFact[] {
  return file.statements.flatMap((statement) => {
    const isValue =
      ts.isFunctionDeclaration(statement) ||
      ts.isClassDeclaration(statement) ||
      ts.isVariableStatement(statement);
    if (!isValue || !hasModifier(statement, ts.SyntaxKind.ExportKeyword)) return [];
    const declaration = statement.getText(file);
    return [{ name: declaredName(statement), line: lineOf(file, statement), declaration }];
  });
}

function declaredName(statement: ts.Statement): string {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations[0]?.name.getText() ?? "";
  }
  const named = statement as ts.Statement & { readonly name?: ts.Node };
  return named.name?.getText() ?? "";
}

function commentsOf(file: ts.SourceFile, text: string): readonly Located[] {
  const comments = new Map<number, Located>();
  const addAll = (ranges: readonly ts.CommentRange[] | undefined): void => {
    for (const { pos, end } of ranges ?? []) {
      const line = file.getLineAndCharacterOfPosition(pos).line + 1;
      comments.set(pos, { text: text.slice(pos, end), line });
    }
  };
  const walk = (node: ts.Node): void => {
    if (ts.isJsxText(node) || ts.isTemplateHead(node)) return;
    addAll(ts.getLeadingCommentRanges(text, node.getFullStart()));
    addAll(ts.getTrailingCommentRanges(text, node.getEnd()));
    node.getChildren(file).forEach(walk);
  };
  walk(file);
  return [...comments.values()];
}

function hasModifier(node: ts.Node, kind: ts.SyntaxKind): boolean {
  if (!ts.canHaveModifiers(node)) return false;
  return (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === kind);
}

function lineOf(file: ts.SourceFile, node: ts.Node): number {
  return file.getLineAndCharacterOfPosition(node.getStart(file)).line + 1;
}
