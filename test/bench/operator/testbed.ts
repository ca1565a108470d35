// A fresh API server and etcd on a core of their own, with one user per subject.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { KubeObject } from "#controllers/runtime/index.ts";
import { Client } from "#controllers/runtime/index.ts";
import { openCredentials } from "#controllers/runtime/client/credentials.ts";
import { RestClient } from "#controllers/runtime/client/rest-client.ts";
import type { Transport } from "#controllers/runtime/client/transport.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";
import { createMetrics } from "#controllers/runtime/base/metrics.ts";
import { systemClock, systemRng, systemTimers } from "#controllers/runtime/base/timers.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";
import { localEngine } from "#hack/cluster/engines/local/engine.ts";
import { processRecords } from "#hack/cluster/engines/local/processes.ts";
import { stateBase } from "#hack/cluster/engines/local/state.ts";
import type { Cluster } from "#hack/cluster/index.ts";
import { hostRunner } from "#hack/cluster/run-host.ts";
import { check } from "#hack/cluster/run.ts";

import { SITE, site, siteCrd } from "./site.ts";

/** Namespace of the subjects' service accounts and leases. */
export const SYSTEM_NAMESPACE = "bench-system";

/** Files and names with which one subject reaches the API server. */
export interface SubjectAccess {
  readonly server: string;
  readonly tokenFile: string;
  readonly caFile: string;
  /** Its name in the audit log. */
  readonly user: string;
}

/** See the head of this file. */
export interface Testbed {
  readonly cluster: Cluster;
  readonly auditLog: string;
  /** The load's user and connections. */
  readonly client: Client;
  readonly transport: Transport;
  readonly apiserverPid: number;
  readonly etcdPid: number;
  access(account: string): SubjectAccess;
  close(): Promise<void>;
}

/** Pins this process and everything that it starts from now on to one core. */
export async function pinSelf(core: number): Promise<void> {
  await check(hostRunner, ["taskset", "-acp", String(core), String(process.pid)]);
}

/**
 * Brings the testbed up; etcd writes to memory where the machine has a place for it. Children of
 * deleted objects are collected only with `controllerManager`, which costs time on the same core.
 */
export async function openTestbed(
  accounts: readonly string[],
  options: { readonly name?: string; readonly controllerManager?: boolean } = {},
): Promise<Testbed> {
  const memory = "/dev/shm";
  const base = existsSync(memory) ? join(memory, "oaas-bench") : stateBase();
  const engine = localEngine({ runner: hostRunner, say: () => undefined, base });
  const { name = "bench-operator", controllerManager = false } = options;
  const cluster = await engine.up({
    name,
    controlPlaneOnly: true,
    controllerManager,
    fresh: true,
  });
  const endOfSignals = onSignals(() => cluster.down());
  const folder = join(base, name);
  const records = processRecords({
    folder,
    logsFolder: join(folder, "logs"),
    processesFolder: join(folder, "processes"),
  });
  const pidOf = (program: string): number => {
    const record = records.find((one) => one.name === program);
    if (record === undefined) throw new Error(`${program} does not run`);
    return record.pid;
  };
  const transport = new UndiciTransport({
    credentials: openCredentials({ kind: "kubeconfig", path: cluster.kubeconfigPath }, () =>
      performance.now(),
    ),
    userAgent: "bench-load",
  });
  const client = clientOn(transport);
  await install(cluster, accounts);
  await warmUp(client);
  const access = await openAccess(cluster, folder, accounts);
  return {
    cluster,
    auditLog: cluster.auditLogPath ?? "",
    client,
    transport,
    apiserverPid: pidOf("kube-apiserver"),
    etcdPid: pidOf("etcd"),
    access: (account) => {
      const found = access.get(account);
      if (found === undefined) throw new Error(`no account ${account}`);
      return found;
    },
    async close() {
      endOfSignals();
      await transport.close();
      await cluster.down();
    },
  };
}

/** A bench that is broken off leaves no API server behind. Returns how to stop listening. */
function onSignals(clear: () => Promise<void>): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const end = (): void => {
    stop();
    void clear().finally(() => process.exit(130));
  };
  const stop = (): void => signals.forEach((signal) => process.off(signal, end));
  for (const signal of signals) process.once(signal, end);
  return stop;
}

function clientOn(transport: Transport): Client {
  return new Client(
    new RestClient({
      transport,
      world: { clock: systemClock, timers: systemTimers, rng: systemRng },
      logger: memoryLogger(),
      metrics: createMetrics(),
    }),
  );
}

async function openAccess(
  cluster: Cluster,
  folder: string,
  accounts: readonly string[],
): Promise<ReadonlyMap<string, SubjectAccess>> {
  const caFile = join(folder, "pki", "ca.crt");
  const server = /server: (\S+)/.exec(readFileSync(cluster.kubeconfigPath, "utf8"))?.[1] ?? "";
  const access = new Map<string, SubjectAccess>();
  mkdirSync(join(folder, "tokens"), { recursive: true });
  for (const account of accounts) {
    const args = ["create", "token", account, "-n", SYSTEM_NAMESPACE, "--duration=24h"];
    const { stdout } = await cluster.kubectl(args);
    const tokenFile = join(folder, "tokens", account);
    writeFileSync(tokenFile, stdout.trim(), { mode: 0o600 });
    const user = `system:serviceaccount:${SYSTEM_NAMESPACE}:${account}`;
    access.set(account, { server, tokenFile, caFile, user });
  }
  return access;
}

async function install(cluster: Cluster, accounts: readonly string[]): Promise<void> {
  const objects = [siteCrd(), namespace(SYSTEM_NAMESPACE), ...rights(accounts)];
  const input = JSON.stringify({ apiVersion: "v1", kind: "List", items: objects });
  await cluster.kubectl(["apply", "--server-side", "-f", "-"], { input });
  const crd = "crd/sites.bench.example.io";
  await cluster.kubectl(["wait", "--for=condition=Established", crd, "--timeout=60s"]);
}

/** The first requests of a kind cost an API server far more than all later ones. */
async function warmUp(client: Client): Promise<void> {
  for (let round = 0; round < 200; round++) {
    await client.apply(SITE, site(SYSTEM_NAMESPACE, "warm-up", String(round)), {
      fieldManager: "bench-load",
    });
  }
  await client.delete(SITE, { namespace: SYSTEM_NAMESPACE, name: "warm-up" });
}

/** A namespace object. */
export function namespace(name: string): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

/** The same rights for every subject. */
function rights(accounts: readonly string[]): readonly KubeObject[] {
  const read = ["get", "list", "watch"];
  const write = ["create", "update", "patch", "delete"];
  const rules = [
    {
      apiGroups: ["bench.example.io"],
      resources: ["sites", "sites/status", "sites/finalizers"],
      verbs: [...read, "update", "patch"],
    },
    { apiGroups: [""], resources: ["configmaps", "services"], verbs: [...read, ...write] },
    { apiGroups: ["coordination.k8s.io"], resources: ["leases"], verbs: [...read, ...write] },
    { apiGroups: ["events.k8s.io", ""], resources: ["events"], verbs: ["create", "patch"] },
  ];
  const name = "bench-subject";
  const api = "rbac.authorization.k8s.io";
  const role = { apiVersion: `${api}/v1`, kind: "ClusterRole", metadata: { name }, rules };
  const binding = {
    apiVersion: `${api}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: api, kind: "ClusterRole", name },
    subjects: accounts.map((account) => ({
      kind: "ServiceAccount",
      name: account,
      namespace: SYSTEM_NAMESPACE,
    })),
  };
  const users = accounts.map((account) => ({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: account, namespace: SYSTEM_NAMESPACE },
  }));
  return [role, binding, ...users];
}
