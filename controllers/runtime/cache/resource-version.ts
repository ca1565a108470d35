// Order of resourceVersions. Comparable as integers by contract since Kubernetes 1.35 (KEP-5504)
// and in fact ever since etcd; anything else is opaque and only equal or not.

/** Negative, zero or positive as `a` is older, equal or newer; undefined if nobody can know. */
export function compareVersions(a: string, b: string): number | undefined {
  if (a === b) return 0;
  if (!isInteger(a) || !isInteger(b)) return undefined;
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}

function isInteger(text: string): boolean {
  return /^(0|[1-9][0-9]*)$/.test(text);
}
