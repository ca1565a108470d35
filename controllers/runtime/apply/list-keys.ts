// Which lists of Kubernetes' own kinds are maps under server-side apply, and by what keys. Only for
// telling apart "somebody added an element of his own" from "our list was changed"; lists that are
// not named here are compared as a whole, which costs at most one superfluous apply.
// Source: x-kubernetes-list-map-keys in the OpenAPI of Kubernetes 1.34.

const BY_NAME = ["name"] as const;

/** By field name; each name means the same list wherever it occurs in the kinds we render. */
const LIST_KEYS: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ["conditions", ["type"]],
  ["containers", BY_NAME],
  ["env", BY_NAME],
  ["ephemeralContainers", BY_NAME],
  ["hostAliases", ["ip"]],
  ["imagePullSecrets", BY_NAME],
  ["initContainers", BY_NAME],
  ["ownerReferences", ["uid"]],
  ["secrets", BY_NAME],
  ["topologySpreadConstraints", ["topologyKey", "whenUnsatisfiable"]],
  ["volumeDevices", ["devicePath"]],
  ["volumeMounts", ["mountPath"]],
  ["volumes", BY_NAME],
]);

/** Element defaults that are part of a key: a port without a protocol is a TCP port. */
const PORT_KEYS = { container: ["containerPort", "protocol"], service: ["port", "protocol"] };

/** Key fields of the list called `field`, judged by name and first element; undefined if atomic. */
export function listKeys(field: string, sample: unknown): readonly string[] | undefined {
  if (field === "ports" && typeof sample === "object" && sample !== null) {
    return "containerPort" in sample ? PORT_KEYS.container : PORT_KEYS.service;
  }
  return LIST_KEYS.get(field);
}

/** Maps that have one owner as a whole: whoever adds a key has changed all of it. */
const ATOMIC_MAPS = new Set(["matchLabels", "nodeSelector", "selector"]);

/**
 * True for a map of scalars that is atomic under server-side apply, such as a Service's selector.
 * Source: x-kubernetes-map-type in the OpenAPI of Kubernetes 1.34.
 */
export function isAtomicMap(field: string, value: object): boolean {
  return ATOMIC_MAPS.has(field) && Object.values(value).every((part) => typeof part !== "object");
}

/** True for lists of scalars that are sets. */
export function isSet(field: string): boolean {
  return field === "finalizers";
}

/** The key of an element as text, with the defaults of its list; undefined if incomplete. */
export function elementKey(element: unknown, keys: readonly string[]): string | undefined {
  if (typeof element !== "object" || element === null) return undefined;
  const parts: unknown[] = [];
  for (const key of keys) {
    const value =
      (element as Record<string, unknown>)[key] ?? (key === "protocol" ? "TCP" : undefined);
    if (value === undefined) return undefined;
    parts.push(value);
  }
  return JSON.stringify(parts);
}
