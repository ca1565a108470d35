// The few numbers that are read from /metrics of both subjects, which share the names.

/** A scrape of one subject. */
export interface Scrape {
  readonly leading: boolean;
  /** Passes that ended well. */
  readonly succeeded: number;
  readonly failed: number;
  /** Keys waiting or being worked on. */
  readonly busy: number;
}

/** Reads `/metrics`; undefined if nobody answers yet. */
export async function scrape(address: string): Promise<Scrape | undefined> {
  let text: string;
  try {
    const response = await fetch(`http://${address}/metrics`);
    if (!response.ok) return undefined;
    text = await response.text();
  } catch (cause) {
    if (cause instanceof TypeError) return undefined;
    throw cause;
  }
  const results = "controller_runtime_reconcile_total";
  return {
    leading: sum(text, "leader_election_master_status") >= 1,
    succeeded:
      sum(text, results, 'result="success"') +
      sum(text, results, 'result="requeue_after"') +
      sum(text, results, 'result="requeue"'),
    failed: sum(text, results, 'result="error"'),
    busy: sum(text, "workqueue_depth") + sum(text, "controller_runtime_active_workers"),
  };
}

function sum(text: string, name: string, label = ""): number {
  let total = 0;
  for (const line of text.split("\n")) {
    if (!line.startsWith(name) || !line.includes(label)) continue;
    if (!/^[{ ]/.test(line.slice(name.length))) continue;
    total += Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  return total;
}
