// Small questions to the API server that the harness asks often enough to avoid a kubectl process.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { join } from "node:path";
import type { Probe } from "../../wait.ts";
import { API_PORT } from "./layout.ts";
import type { ClusterLayout } from "./layout.ts";
import { leafFiles } from "./pki.ts";

/** An answer of the API server. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
}

/** The address of the API server: the bridge if there are nodes, else loopback. */
export function apiAddress(layout: ClusterLayout): string {
  return layout.nodes.length > 0 ? layout.bridgeAddress : layout.loopbackAddress;
}

/** Asks as the cluster's admin. Rejects if there is no answer within 5 s. */
export async function apiRequest(
  layout: ClusterLayout,
  path: string,
  options: { readonly method?: string; readonly body?: unknown } = {},
): Promise<ApiAnswer> {
  const agent = agentOf(layout);
  return await new Promise<ApiAnswer>((resolve, reject) => {
    const outgoing = request(
      {
        host: apiAddress(layout),
        port: API_PORT,
        path,
        method: options.method ?? "GET",
        headers: { accept: "application/json", "content-type": "application/json" },
        agent,
        timeout: 5_000,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
        incoming.on("error", reject);
        incoming.on("end", () =>
          resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
        );
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 5 s")));
    outgoing.on("error", reject);
    outgoing.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}

/** Connections are kept, or a poll every second would be mostly handshakes. */
const agents = new Map<string, Agent>();

/** The agent for one set of certificates; a cluster of the same name made anew has others. */
function agentOf(layout: ClusterLayout): Agent {
  const files = leafFiles(layout, "admin");
  const cert = readFileSync(files.cert, "utf8");
  const known = agents.get(cert);
  if (known !== undefined) return known;
  const ca = readFileSync(join(layout.pkiFolder, "ca.crt"), "utf8");
  const agent = new Agent({ ca, cert, key: readFileSync(files.key, "utf8"), keepAlive: true });
  agents.clear();
  agents.set(cert, agent);
  return agent;
}

/** Whether `path` is answered with 200; otherwise what was said, failed checks of /readyz first. */
export async function answersOk(layout: ClusterLayout, path: string): Promise<Probe<undefined>> {
  const answer = await apiRequest(layout, path);
  if (answer.status === 200) return { done: true, value: undefined };
  const failed = answer.body.split("\n").filter((line) => line.startsWith("[-]"));
  return { done: false, why: `${answer.status} ${failed.join(", ") || answer.body.slice(0, 200)}` };
}

/**
 * Whether a node is Ready and said so after `sinceMs` (wall clock of this host, which is the node's
 * too). An old Ready says nothing: a node that was switched off keeps it until the grace period
 * ends.
 */
export async function nodeReady(
  layout: ClusterLayout,
  node: string,
  sinceMs: number,
): Promise<Probe<undefined>> {
  const lease = await apiRequest(
    layout,
    `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${node}`,
  );
  if (lease.status !== 200) return { done: false, why: `no lease of ${node} yet` };
  const { spec } = JSON.parse(lease.body) as { readonly spec?: { readonly renewTime?: string } };
  if (Date.parse(spec?.renewTime ?? "") < sinceMs) return { done: false, why: "no new heartbeat" };
  const answer = await apiRequest(layout, `/api/v1/nodes/${node}`);
  if (answer.status !== 200) return { done: false, why: `${node} is not registered` };
  const { status } = JSON.parse(answer.body) as {
    readonly status?: {
      readonly conditions?: readonly {
        readonly type: string;
        readonly status: string;
        readonly message: string;
      }[];
    };
  };
  const condition = status?.conditions?.find((one) => one.type === "Ready");
  if (condition?.status === "True") return { done: true, value: undefined };
  return { done: false, why: condition?.message ?? "no Ready condition" };
}
