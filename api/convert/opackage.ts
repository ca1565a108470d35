// Upstream's package: OPackage of Java (camelCase, UPPER_CASE) and of oaas-rs (snake_case).

import type { OPackage, OPackageSpec } from "../oaas/v1alpha1/index.ts";

import { convertClass } from "./classes.ts";
import type { PackageContext } from "./classes.ts";
import { convertDeployment } from "./deployments.ts";
import { convertFunction } from "./functions.ts";
import { dnsLabel, leaveObserved, nonEmpty, present } from "./parts.ts";
import type { Field, Fields } from "./reader.ts";

/** One package, or undefined after refusals. */
export function convertPackage(fields: Fields): OPackage | undefined {
  // The name is part of every wire id, so it must not change on the way.
  const name = dnsLabel(fields.get("name"), "the name of a package");
  if (name === undefined) return undefined;
  const required = fields.get("required", "dependencies")?.items() ?? [];
  const dependencies = required.flatMap((item) => dnsLabel(item, "the name of a package") ?? []);
  const functionFields = fields.get("functions")?.items() ?? [];
  const functions = functionFields.flatMap((item) => convertFunction(item, name) ?? []);
  unique(functionFields, ["key", "name", "_key"]);
  const context: PackageContext = {
    packageName: name,
    functions: new Set(functionNames(functionFields)),
    dependencies: new Set(dependencies),
  };
  const classFields = fields.get("classes")?.items() ?? [];
  unique(classFields, ["key", "name", "_key"]);
  const classes = classFields.flatMap((item) => convertClass(item, context) ?? []);
  const deploymentFields = fields.get("deployments")?.items() ?? [];
  const deployments = deploymentFields.flatMap((item) => convertDeployment(item, context) ?? []);
  const disabled = fields.get("disabled")?.boolean();
  const about = aboutOf(fields.get("metadata"));
  const spec = present<OPackageSpec>({
    version: fields.get("version")?.text(),
    description: about?.description ?? fields.get("description")?.text(),
    author: about?.author,
    tags: about?.tags,
    dependencies: nonEmpty(dependencies.map((dependency) => ({ name: dependency }))),
    state: disabled === true ? "Disabled" : undefined,
    classes: nonEmpty(classes),
    functions: nonEmpty(functions),
    deployments: nonEmpty(deployments),
  });
  fields.done();
  return { apiVersion: "oaas.io/v1alpha1", kind: "OPackage", metadata: { name }, spec };
}

type About = Pick<OPackageSpec, "description" | "author" | "tags">;

function aboutOf(field: Field | undefined): About | undefined {
  const fields = field?.fields();
  if (fields === undefined) return undefined;
  const about = present<About>({
    description: fields.get("description")?.text(),
    author: fields.get("author")?.text(),
    tags: nonEmpty([...new Set(fields.get("tags")?.texts() ?? [])]),
  });
  leaveObserved(fields, "created_at", "updated_at", "createdAt", "updatedAt");
  fields.done();
  return about;
}

function functionNames(fields: readonly Field[]): readonly string[] {
  return fields.flatMap((field) => nameOf(field, ["key", "name", "_key"]) ?? []);
}

/** Refuses a second item of the same name: upstream lets the last one win. */
function unique(fields: readonly Field[], names: readonly string[]): void {
  const seen = new Set<string>();
  for (const field of fields) {
    const name = nameOf(field, names);
    if (name === undefined) continue;
    if (seen.has(name)) field.refuse(`${JSON.stringify(name)} is there twice`);
    seen.add(name);
  }
}

function nameOf(field: Field, names: readonly string[]): string | undefined {
  if (field.source.kind !== "map") return undefined;
  for (const name of names) {
    const source = field.source.entries.get(name);
    if (source?.kind === "scalar" && source.type !== "null") return source.text;
  }
  return undefined;
}
