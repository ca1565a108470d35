// Times as Lease and Event want them. The server demands exactly six digits of a second; three, as
// Date writes them, are a 400 on every renewal.

/** `metav1.MicroTime` of milliseconds since the epoch. */
export function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace("Z", "000Z");
}
