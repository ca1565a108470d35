// What kstatus, and with it Argo CD's health checks, would say about an object. For tests: every
// recorded status is run through it. Source: the description of cli-utils pkg/kstatus/status,
// Compute() for kinds that it does not know.

/** The verdict. */
export type KStatus = "Terminating" | "InProgress" | "Failed" | "Current";

interface Seen {
  readonly metadata?: { readonly generation?: number; readonly deletionTimestamp?: unknown };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** Steps 1, 2, 3, 5 and 6 of Compute(), in its order. */
export function computeKstatus(object: Seen): KStatus {
  if (object.metadata?.deletionTimestamp !== undefined) return "Terminating";
  const observed = object.status?.observedGeneration;
  if (observed !== undefined && observed !== object.metadata?.generation) return "InProgress";
  const conditions = object.status?.conditions ?? [];
  for (const { type, status } of conditions) {
    if (type === "Reconciling" && status === "True") return "InProgress";
    if (type === "Stalled" && status === "True") return "Failed";
  }
  const ready = conditions.find(({ type }) => type === "Ready");
  return ready === undefined || ready.status === "True" ? "Current" : "InProgress";
}
