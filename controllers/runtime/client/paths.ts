// REST paths and label selectors: the two little languages of every request.

import type { KindId } from "#api/meta/index.ts";

import type { ObjectKey } from "../kinds/kind.ts";

/** Path of the collection of a kind; all namespaces if `namespace` is empty. */
export function collectionPath(kind: KindId, namespace: string): string {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope =
    kind.namespaced && namespace !== "" ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${kind.plural}`;
}

/** Path of one object or of one of its subresources. */
export function objectPath(kind: KindId, key: ObjectKey, subresource?: string): string {
  const path = `${collectionPath(kind, key.namespace)}/${encodeURIComponent(key.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** True if an object with these labels is selected. */
export type LabelMatcher = (labels: Readonly<Record<string, string>> | undefined) => boolean;

/**
 * Compiles a label selector: `a`, `!a`, `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`,
 * joined by commas; the empty selector matches everything. Throws for anything else.
 */
export function compileSelector(selector: string): LabelMatcher {
  const terms = selector
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== "")
    .map(compileTerm);
  return (labels) => terms.every((term) => term(labels ?? {}));
}

function compileTerm(term: string): (labels: Readonly<Record<string, string>>) => boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set !== null) {
    const [, key = "", operator, list = ""] = set;
    const values = new Set(list.split(",").map((value) => value.trim()));
    return operator === "in"
      ? (labels) => values.has(labels[key] ?? "\0")
      : (labels) => !values.has(labels[key] ?? "\0");
  }
  const equality = /^([^\s!=]+)\s*(==?|!=)\s*(\S*)$/.exec(term);
  if (equality !== null) {
    const [, key = "", operator, value = ""] = equality;
    return operator === "!="
      ? (labels) => labels[key] !== value
      : (labels) => labels[key] === value;
  }
  const existence = /^(!?)([^\s!=(),]+)$/.exec(term);
  if (existence === null) throw new Error(`not a label selector: ${term}`);
  const [, not, key = ""] = existence;
  return not === "!"
    ? (labels) => labels[key] === undefined
    : (labels) => labels[key] !== undefined;
}

/**
 * True or false if an object is known to be selected by a field selector or not, undefined if only
 * the server can tell: everything but `metadata.name=` and `metadata.namespace=`.
 */
export type FieldMatcher = (object: {
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}) => boolean | undefined;

/** Compiles a field selector; the empty one matches everything. */
export function compileFieldSelector(selector: string): FieldMatcher {
  const terms = selector.split(",").filter((term) => term !== "");
  return ({ metadata }) => {
    let known = true;
    for (const term of terms) {
      const [, field, value = ""] = /^metadata\.(name|namespace)==?([^=]*)$/.exec(term) ?? [];
      if (field === undefined) known = false;
      else if ((field === "name" ? metadata.name : (metadata.namespace ?? "")) !== value) {
        return false;
      }
    }
    return known ? true : undefined;
  };
}
