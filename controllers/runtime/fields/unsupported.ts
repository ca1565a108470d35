// "A set field is honoured or refused": finds what a user has set and nobody serves yet. Pure, no
// Kubernetes, no node: the table is plain data in the controller's own `fields.ts`.

/**
 * The fields of `spec` that a controller serves: paths relative to `spec`, alphabetical.
 *
 * `a.b` is a field, `[]` stands for every element of a list and `*` for every key of a map. An
 * entry serves itself and everything below it; `classes[].name` serves the name and makes
 * `classes` known without serving its other fields.
 */
export type FieldTable = readonly string[];

interface Node {
  /** Everything from here on is served. */
  whole: boolean;
  readonly below: Map<string, Node>;
}

const compiled = new WeakMap<FieldTable, Node>();

/**
 * The paths below `spec` that are set but not in `table`, in document order, each once, as a user
 * would write them (`spec.classes[1].triggers`). Only the highest unserved field is named, not
 * what is below it. A field whose value is an empty list or map counts as not set; `false`, `0`
 * and `""` count as set.
 *
 * @param path where `spec` stands in the user's document; `spec` if not given.
 */
export function findUnsupported(
  spec: unknown,
  table: FieldTable,
  path = "spec",
): readonly string[] {
  const found: string[] = [];
  walk(spec, compile(table), path, found);
  return found;
}

function walk(value: unknown, node: Node, path: string, found: string[]): void {
  if (node.whole || !isSet(value)) return;
  if (node.below.size === 0) {
    found.push(path);
    return;
  }
  if (Array.isArray(value)) {
    const element = node.below.get("[]");
    if (element === undefined) found.push(path);
    else value.forEach((item, index) => walk(item, element, `${path}[${index}]`, found));
    return;
  }
  if (typeof value !== "object" || value === null) {
    found.push(path);
    return;
  }
  for (const [key, item] of Object.entries(value)) {
    if (!isSet(item)) continue;
    const next = node.below.get(key) ?? node.below.get("*");
    if (next === undefined) found.push(`${path}.${key}`);
    else walk(item, next, `${path}.${key}`, found);
  }
}

function isSet(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (Array.isArray(value)) return value.length > 0;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

function compile(table: FieldTable): Node {
  const known = compiled.get(table);
  if (known !== undefined) return known;
  const root: Node = { whole: false, below: new Map() };
  for (const entry of table) {
    let node = root;
    for (const step of entry.split(/\.|(?=\[\])/)) {
      let next = node.below.get(step);
      if (next === undefined) {
        next = { whole: false, below: new Map() };
        node.below.set(step, next);
      }
      node = next;
    }
    node.whole = true;
  }
  compiled.set(table, root);
  return root;
}
