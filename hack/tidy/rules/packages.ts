// Which packages a file may import: declared ones, no development tools in production, and in the
// pure layers only those that bring no Node types along.
import { isBuiltin } from "node:module";

import type { FileFacts, Finding, ImportFact } from "../model.ts";
import { isPure, placeOf, resolveImport } from "./layers.ts";

/** The part of package.json that matters here. */
export interface PackageManifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** Neither they nor their types know Node, a clock or I/O. */
const PURE_PACKAGES = ["@bufbuild/protobuf", "kubernetes-types", "yaml"];

/** Imports of packages that the file may not have. */
export function checkPackages(
  files: readonly FileFacts[],
  manifest: PackageManifest,
): readonly Finding[] {
  return files.flatMap((file) =>
    (file.syntax?.imports ?? []).flatMap((fact) => {
      const message = refusalOf(file.path, fact, manifest);
      if (message === undefined) return [];
      return [{ rule: "packages" as const, path: file.path, line: fact.line, message }];
    }),
  );
}

function refusalOf(path: string, fact: ImportFact, manifest: PackageManifest): string | undefined {
  const { specifier } = fact;
  if (resolveImport(path, specifier) !== undefined) return undefined;
  const pure = isPure(path);
  if (isBuiltin(specifier)) {
    if (pure) return `${specifier} in a pure layer`;
    return specifier.startsWith("node:") ? undefined : `write node:${specifier}`;
  }
  const name = packageName(specifier);
  if (pure && !PURE_PACKAGES.includes(name)) return `package ${name} in a pure layer`;
  if (name in manifest.dependencies) return undefined;
  if (!(name in manifest.devDependencies)) return `package ${name} is not in package.json`;
  if (fact.isTypeOnly || placeOf(path)?.layer === "6 tools") return undefined;
  return `package ${name} is a devDependency, but this file runs in production`;
}

function packageName(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
