// A real API server behind the fault proxy, with an operator that reaches it as one in a pod does:
// by a service account's token and CA in files.

import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openCredentials } from "#controllers/runtime/client/credentials.ts";
import { UndiciTransport } from "#controllers/runtime/client/undici-transport.ts";
import type { InClusterConfig, KubeObject, defineKind } from "#controllers/runtime/index.ts";
import { KINDS } from "#controllers/runtime/index.ts";
import { clusterLayout } from "#hack/cluster/engines/local/layout.ts";
import { killAll, processRecords, startDaemon } from "#hack/cluster/engines/local/processes.ts";
import { readState, stateBase } from "#hack/cluster/engines/local/state.ts";

import type { RealServer } from "../runtime/support.ts";
import { eventually, realServer } from "../runtime/support.ts";
import type { ServerIdentity } from "./authority.ts";
import { createServerIdentity } from "./authority.ts";
import { FaultProxy } from "./proxy.ts";

const NAME = "runtime-faults";
const SYSTEM = "fault-system";
const ACCOUNT = "operator";
const SECRET_KIND = KINDS.Secret;

/** See the head of this file. */
export interface FaultyServer {
  readonly real: RealServer;
  readonly proxy: FaultProxy;
  /** How the operator gets there: through the proxy. */
  readonly access: InClusterConfig;
  /** A token that the API server refuses as it refuses an expired one. */
  readonly spentToken: string;
  /** The token in the operator's file. */
  token(): string;
  /** Puts a new token into the file, as the kubelet does. */
  renewToken(): Promise<void>;
  /** Another authority for the proxy; the operator's file still has the old one. */
  rotateAuthority(): Promise<ServerIdentity>;
  /** Puts an authority into the operator's file. */
  publish(identity: ServerIdentity): void;
  /** Kills the API server; `start` brings it back and returns when it is ready. */
  stopApiServer(): Promise<{ readonly start: () => Promise<void> }>;
  /** Throws away etcd's history up to now. */
  compact(): Promise<void>;
  close(): Promise<void>;
}

/** Starts everything. */
export async function faultyServer(): Promise<FaultyServer> {
  const real = await realServer(NAME);
  const state = readState(stateBase(), NAME);
  if (state === undefined) throw new Error("the fault suite needs a cluster of the engine local");
  const layout = clusterLayout({ name: NAME, slot: state.slot, nodeCount: 0, base: stateBase() });
  const admin = await adminOf(real);
  const folder = mkdtempSync(join(tmpdir(), "oaas-faults-"));
  const access: InClusterConfig = {
    kind: "in-cluster",
    host: "127.0.0.1",
    port: 0,
    tokenFile: join(folder, "token"),
    caFile: join(folder, "ca.crt"),
  };
  await installAccount(real);
  const identity = await createServerIdentity("first");
  const proxy = await FaultProxy.open({
    identity,
    upstream: {
      host: layout.loopbackAddress,
      port: 6443,
      ca: readFileSync(join(layout.pkiFolder, "ca.crt"), "utf8"),
    },
  });
  const replace = (path: string, text: string): void => {
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
  };
  const renewToken = async (): Promise<void> => replace(access.tokenFile, await admin.token());
  const publish = (now: ServerIdentity): void => replace(access.caFile, now.ca);
  publish(identity);
  await renewToken();
  let authorities = 1;
  return {
    real,
    proxy,
    access: { ...access, port: proxy.port },
    spentToken: await admin.spentToken(real),
    token: () => readFileSync(access.tokenFile, "utf8"),
    renewToken,
    async rotateAuthority() {
      const next = await createServerIdentity(`authority-${++authorities}`);
      proxy.rotate(next);
      return next;
    },
    publish,
    stopApiServer: () => stopApiServer(layout, real),
    compact: () => compact(`http://${layout.loopbackAddress}:2379`),
    async close() {
      await proxy.close();
      await admin.close();
      await real.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Calls that the typed client has no method for. */
async function adminOf(real: RealServer): Promise<{
  token(boundTo?: { readonly name: string; readonly uid: string }): Promise<string>;
  spentToken(real: RealServer): Promise<string>;
  close(): Promise<void>;
}> {
  const transport = new UndiciTransport({
    credentials: openCredentials({ kind: "kubeconfig", path: real.kubeconfigPath }, () =>
      performance.now(),
    ),
    userAgent: "fault-tests",
  });
  const token = async (boundTo?: {
    readonly name: string;
    readonly uid: string;
  }): Promise<string> => {
    const boundObjectRef =
      boundTo === undefined
        ? {}
        : { boundObjectRef: { ...boundTo, kind: "Secret", apiVersion: "v1" } };
    const response = await transport.request({
      method: "POST",
      path: `/api/v1/namespaces/${SYSTEM}/serviceaccounts/${ACCOUNT}/token`,
      body: {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: 3_600, ...boundObjectRef },
      },
    });
    const issued = (response.body as { readonly status?: { readonly token?: string } }).status
      ?.token;
    if (issued === undefined) throw new Error(`no token: ${JSON.stringify(response.body)}`);
    return issued;
  };
  return {
    token,
    // Bound to an object that is then deleted: not valid any more, without waiting for its time.
    async spentToken({ user }) {
      const secret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { namespace: SYSTEM, name: "s" },
      };
      const made = await user.create(SECRET_KIND, secret, { fieldManager: "test" });
      const spent = await token({ name: "s", uid: made.metadata.uid });
      await user.delete(SECRET_KIND, { namespace: SYSTEM, name: "s" });
      return spent;
    },
    close: () => transport.close(),
  };
}

async function installAccount({ user }: RealServer): Promise<void> {
  const role = "fault-operator";
  const objects: readonly (readonly [ReturnType<typeof defineKind>, KubeObject])[] = [
    [KINDS.Namespace, { apiVersion: "v1", kind: "Namespace", metadata: { name: SYSTEM } }],
    [
      KINDS.ServiceAccount,
      {
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { namespace: SYSTEM, name: ACCOUNT },
      },
    ],
    [
      KINDS.ClusterRole,
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: role },
        ...{ rules: [{ apiGroups: ["*"], resources: ["*"], verbs: ["*"] }] },
      },
    ],
    [
      KINDS.ClusterRoleBinding,
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRoleBinding",
        metadata: { name: role },
        ...{
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
          subjects: [{ kind: "ServiceAccount", namespace: SYSTEM, name: ACCOUNT }],
        },
      },
    ],
  ];
  for (const [kind, object] of objects) await user.apply(kind, object, { fieldManager: "test" });
}

async function stopApiServer(
  layout: ReturnType<typeof clusterLayout>,
  real: RealServer,
): Promise<{ readonly start: () => Promise<void> }> {
  const record = processRecords(layout).find((one) => one.name === "kube-apiserver");
  if (record === undefined) throw new Error("no API server to stop");
  const argv = readFileSync(`/proc/${record.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  await killAll(new Map([[record.pid, record.startTime]]));
  return {
    async start() {
      await startDaemon(layout, { name: "kube-apiserver", argv });
      await eventually("the API server is back", async () => {
        try {
          return (
            (await real.user.get(KINDS.Namespace, { namespace: "", name: SYSTEM })) !== undefined
          );
        } catch {
          // Not yet; `eventually` has the limit.
          return false;
        }
      });
    },
  };
}

async function compact(etcd: string): Promise<void> {
  const call = async (path: string, body: object): Promise<{ header?: { revision?: string } }> => {
    const response = await fetch(`${etcd}${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as { header?: { revision?: string } };
  };
  const { header } = await call("/v3/kv/range", {
    key: Buffer.from("/registry").toString("base64"),
  });
  await call("/v3/kv/compaction", { revision: header?.revision, physical: true });
}
