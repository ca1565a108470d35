// A refusal of the OdgmCollection names fields of a document that the user never wrote. This turns
// the paths in its message into those of the ClassRuntime that it was rendered from.

/** Fields that an OdgmCollection has inline and a ClassRuntime under `collection`. */
const shape = [
  "assignments",
  "group",
  "nodes",
  "options",
  "partitioning",
  "partitions",
  "placement",
  "replicas",
  "shardType",
  "storage",
].join("|");

const moved: readonly (readonly [RegExp, string])[] = [
  [/\bspec\.routes(?=\b|\[)/g, "spec.resolvedClass.functions"],
  [/\bspec\.collection\b(?!\.)/g, "spec.class"],
  [new RegExp(`\\bspec\\.(${shape})\\b`, "g"), "spec.collection.$1"],
];

/** A refusal of the collection with the paths of the runtime; of anything else as it is. */
export function explainRefusal<T extends { readonly message: string }>(refusal: T): T {
  return refusal.message.startsWith("OdgmCollection ")
    ? { ...refusal, message: translateCollectionPaths(refusal.message) }
    : refusal;
}

/** `message` with the paths of an OdgmCollection replaced by those of its ClassRuntime. */
export function translateCollectionPaths(message: string): string {
  return moved.reduce((text, [pattern, path]) => text.replace(pattern, path), message);
}
