// The CustomResourceDefinition around the schemas of a kind's spec and status, one version or
// several.

import { compareVersions } from "./compare.ts";
import type { Schema } from "./schema.ts";

/** The `@crd` tag of a kind. */
export interface CrdTag {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly scope: "Namespaced" | "Cluster";
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Name of the kind; that of the interface if not given, as it must be with several versions. */
  readonly kind?: string;
  /** Default true. */
  readonly served?: boolean;
  /** Default true, so with several versions all but one must say false. */
  readonly storage?: boolean;
  /** True, or the warning that clients are to read. */
  readonly deprecated?: boolean | string;
  /** Only None is built: every version has the same fields. */
  readonly conversion?: string;
}

/** One entry of `@printcolumns`: a JSON path, or a field of a condition (`status` if not said). */
export interface ColumnTag {
  readonly name: string;
  readonly type?: string;
  readonly jsonPath?: string;
  readonly condition?: string;
  readonly field?: "status" | "reason" | "message";
  readonly priority?: number;
}

/** Everything that one version of a CRD is made of. */
export interface CrdParts {
  readonly kind: string;
  readonly description: string;
  readonly crd: CrdTag;
  readonly columns: readonly ColumnTag[];
  readonly scale: Schema | undefined;
  readonly selectable: readonly string[];
  readonly rules: readonly Schema[];
  readonly spec: Schema;
  readonly isSpecRequired: boolean;
  /** Undefined: the kind has no status, and so no subresource. */
  readonly status: Schema | undefined;
  /** `file:line` of the kind, for messages. */
  readonly where: string;
}

/** What goes into the metadata of every CRD. */
export interface DocumentMetadata {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

const TAG_TEXTS = ["group", "version", "plural", "singular", "scope"] as const;

/**
 * The whole document; its name is `<plural>.<group>`. `versions` are all of one group and plural.
 * Throws an error that lists every problem with the line of its version.
 */
export function crdDocument(versions: readonly CrdParts[], metadata: DocumentMetadata): Schema {
  const problems = [...versions.flatMap(tagProblems), ...versionProblems(versions)];
  const [first] = versions;
  if (problems.length > 0 || first === undefined) throw new Error(problems.join("\n"));
  const { crd } = first;
  const schemas = [...versions].sort(byPriority).map(versionOf);
  const several = schemas.length > 1;
  if (several) refuseLosses(schemas, first.where);
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: {
      name: `${crd.plural}.${crd.group}`,
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
    },
    spec: {
      group: crd.group,
      scope: crd.scope,
      names: {
        kind: first.kind,
        listKind: `${first.kind}List`,
        plural: crd.plural,
        singular: crd.singular,
        ...(crd.shortNames === undefined ? {} : { shortNames: crd.shortNames }),
        ...(crd.categories === undefined ? {} : { categories: crd.categories }),
      },
      ...(several ? { conversion: { strategy: "None" } } : {}),
      versions: schemas,
    },
  };
}

function tagProblems({ crd, where, scale, status }: CrdParts): readonly string[] {
  const missing = TAG_TEXTS.filter((key) => typeof crd[key] !== "string" || crd[key] === "");
  if (missing.length > 0) return [`${where}: @crd has no ${missing.join(", ")}`];
  const problems: string[] = [];
  if (!/^[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(crd.group)) {
    problems.push(`group ${crd.group} is no domain with a dot`);
  }
  if (!/^v[1-9][0-9]*((alpha|beta)[1-9][0-9]*)?$/.test(crd.version)) {
    problems.push(`version ${crd.version} is not like v1, v1beta1 or v1alpha1`);
  }
  if (crd.plural !== crd.plural.toLowerCase() || crd.singular !== crd.singular.toLowerCase()) {
    problems.push("plural and singular are lower-case");
  }
  if (!["Namespaced", "Cluster"].includes(crd.scope)) {
    problems.push(`scope ${crd.scope} is neither Namespaced nor Cluster`);
  }
  if (scale !== undefined && status === undefined) {
    problems.push("@scale needs a status: the replicas that are there are read from it");
  }
  if (crd.conversion !== undefined && crd.conversion !== "None") {
    problems.push(`conversion ${crd.conversion} is not built; only None, between equal fields, is`);
  }
  return problems.map((problem) => `${where}: ${problem}`);
}

function versionProblems(versions: readonly CrdParts[]): readonly string[] {
  const [first] = versions;
  if (first === undefined) return ["a CRD needs a version"];
  const problems: string[] = [];
  const shared = ({ kind, crd }: CrdParts): string =>
    JSON.stringify([kind, crd.scope, crd.singular, crd.shortNames, crd.categories]);
  for (const [index, version] of versions.entries()) {
    if (shared(version) !== shared(first)) {
      problems.push(
        `${version.where}: kind, scope and names are those of the whole CRD and must be as in ` +
          first.where,
      );
    }
    if (versions.findIndex((other) => other.crd.version === version.crd.version) !== index) {
      problems.push(`${version.where}: version ${version.crd.version} is there twice`);
    }
  }
  const stored = versions.filter(({ crd }) => crd.storage !== false);
  if (stored.length !== 1) {
    const names = stored.length === 0 ? "none" : stored.map(({ crd }) => crd.version).join(", ");
    problems.push(
      `${first.where}: exactly one version is stored, not ${names}; the others say storage: false`,
    );
  }
  return problems;
}

/** With conversion None the API server prunes what a version does not know. */
function refuseLosses(versions: readonly Schema[], where: string): void {
  const [stored] = versions.filter((version) => version["storage"] === true);
  if (stored === undefined) return;
  const problems = versions
    .filter((version) => version !== stored)
    .flatMap((version) => [
      ...compareVersions(stored, version),
      ...compareVersions(version, stored),
    ])
    .filter(({ change }) => change === "FieldRemoved" || change === "TypeChanged")
    .map(({ path, change }) => {
      const field = path.replace(/^[^.]+\./, "");
      const what = change === "FieldRemoved" ? "is not in every version" : "changes its type";
      return (
        `${where}: ${field} ${what}: without a conversion webhook, which is not built, its ` +
        "values would be pruned or refused"
      );
    });
  if (problems.length > 0) throw new Error([...new Set(problems)].join("\n"));
}

/** As the API server orders versions: stable before beta before alpha, newest first. */
function byPriority(a: CrdParts, b: CrdParts): number {
  const key = ({ crd }: CrdParts): readonly [number, number, number] => {
    const parsed = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(crd.version);
    const stage = parsed?.[2] === undefined ? 2 : parsed[2] === "beta" ? 1 : 0;
    return [stage, Number(parsed?.[1]), Number(parsed?.[3] ?? 0)];
  };
  const [left, right] = [key(a), key(b)];
  return right[0] - left[0] || right[1] - left[1] || right[2] - left[2];
}

function versionOf(parts: CrdParts): Schema {
  const { crd } = parts;
  const warning = typeof crd.deprecated === "string" ? { deprecationWarning: crd.deprecated } : {};
  return {
    name: crd.version,
    served: crd.served ?? true,
    storage: crd.storage ?? true,
    ...(crd.deprecated === undefined || crd.deprecated === false
      ? {}
      : { deprecated: true, ...warning }),
    schema: { openAPIV3Schema: rootSchema(parts) },
    ...(parts.status === undefined
      ? {}
      : {
          subresources: {
            status: {},
            ...(parts.scale === undefined ? {} : { scale: parts.scale }),
          },
        }),
    ...(parts.columns.length === 0
      ? {}
      : { additionalPrinterColumns: parts.columns.map((tag) => column(tag, parts.where)) }),
    ...(parts.selectable.length === 0
      ? {}
      : { selectableFields: parts.selectable.map((jsonPath) => ({ jsonPath })) }),
  };
}

function rootSchema(parts: CrdParts): Schema {
  return {
    type: "object",
    ...(parts.description === "" ? {} : { description: parts.description }),
    ...(parts.isSpecRequired ? { required: ["spec"] } : {}),
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: parts.spec,
      ...(parts.status === undefined ? {} : { status: withStart(parts.status) }),
    },
    ...(parts.rules.length === 0 ? {} : { "x-kubernetes-validations": parts.rules }),
  };
}

/** A new object reads as in progress before any controller has written to it. */
function withStart(status: Schema): Schema {
  const properties = (status["properties"] ?? {}) as Readonly<Record<string, Schema>>;
  const minimum = properties["observedGeneration"]?.["minimum"];
  const takes = typeof minimum === "number" && minimum <= -1;
  return takes ? { ...status, default: { observedGeneration: -1 } } : status;
}

function column(tag: ColumnTag, where: string): Schema {
  const jsonPath =
    tag.condition === undefined
      ? tag.jsonPath
      : `.status.conditions[?(@.type=="${tag.condition}")].${tag.field ?? "status"}`;
  if (jsonPath === undefined) {
    throw new Error(`${where}: column ${tag.name} has no jsonPath or condition`);
  }
  return {
    name: tag.name,
    type: tag.type ?? "string",
    ...(tag.priority === undefined ? {} : { priority: tag.priority }),
    jsonPath,
  };
}
