// etcd, API server, controller manager and scheduler of one local cluster, as processes of the
// host.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Binaries } from "../../build/binaries.ts";
import { waitFor } from "../../wait.ts";
import type { Probe } from "../../wait.ts";
import {
  apiserverArgs,
  auditPolicy,
  controllerManagerArgs,
  etcdArgs,
  kubeconfig,
  schedulerArgs,
} from "./config.ts";
import type { ControlPlaneOptions } from "./config.ts";
import { answersOk, apiAddress } from "./api.ts";
import { API_PORT } from "./layout.ts";
import type { ClusterLayout } from "./layout.ts";
import { clients, leafFiles } from "./pki.ts";
import { assertAlive, logTail, startDaemon } from "./processes.ts";

const START_DEADLINE_MS = 90_000;

/** Writes the kubeconfigs of every client and the audit policy; the admin's is the cluster's. */
export function writeControlPlaneFiles(layout: ClusterLayout, options: ControlPlaneOptions): void {
  mkdirSync(layout.logsFolder, { recursive: true });
  const server = `https://${apiAddress(layout)}:${API_PORT}`;
  const caPem = readFileSync(join(layout.pkiFolder, "ca.crt"), "utf8");
  for (const client of clients(layout)) {
    const files = leafFiles(layout, client.file);
    const text = kubeconfig({
      name: `oaas-${layout.name}`,
      server,
      user: client.user,
      caPem,
      certPem: readFileSync(files.cert, "utf8"),
      keyPem: readFileSync(files.key, "utf8"),
    });
    const path =
      client.file === "admin"
        ? layout.kubeconfigPath
        : join(layout.pkiFolder, `${client.file}.kubeconfig`);
    writeFileSync(path, text, { mode: 0o600 });
  }
  if (options.audit) writeFileSync(join(layout.folder, "audit-policy.yaml"), auditPolicy());
}

/** Starts etcd and the API server; returns when `/readyz` says ok. */
export async function startApiserver(
  layout: ClusterLayout,
  programs: Binaries,
  options: ControlPlaneOptions,
): Promise<void> {
  const etcd = await startDaemon(layout, {
    name: "etcd",
    argv: [programs.path("etcd"), ...etcdArgs(layout)],
  });
  // An API server that meets no etcd backs off for a second; etcd needs a third of that.
  await waitFor(
    async () => {
      assertAlive(layout, etcd);
      return await connects(layout.loopbackAddress, 2379);
    },
    {
      what: "etcd to listen",
      deadlineMs: START_DEADLINE_MS,
      intervalMs: 30,
      details: () => logTail(layout, "etcd"),
    },
  );
  const apiserver = await startDaemon(layout, {
    name: "kube-apiserver",
    argv: [programs.path("kube-apiserver"), ...apiserverArgs(layout, options)],
  });
  await waitFor(
    async () => {
      assertAlive(layout, apiserver);
      const seen = await answersOk(layout, "/readyz");
      if (!seen.done) return seen;
      // Ready comes a moment before the namespaces that every client expects.
      return await answersOk(layout, "/api/v1/namespaces/default");
    },
    {
      what: "the API server to be ready",
      deadlineMs: START_DEADLINE_MS,
      details: () => logTail(layout, "kube-apiserver"),
    },
  );
}

/** Starts the controller manager. Needs a ready API server. */
export async function startControllerManager(
  layout: ClusterLayout,
  programs: Binaries,
): Promise<void> {
  await startDaemon(layout, {
    name: "kube-controller-manager",
    argv: [programs.path("kube-controller-manager"), ...controllerManagerArgs(layout)],
  });
}

/** Starts the scheduler. Needs a ready API server. */
export async function startScheduler(layout: ClusterLayout, programs: Binaries): Promise<void> {
  await startDaemon(layout, {
    name: "kube-scheduler",
    argv: [programs.path("kube-scheduler"), ...schedulerArgs(layout)],
  });
}

function connects(host: string, port: number): Promise<Probe<undefined>> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => {
      socket.destroy();
      resolve({ done: true, value: undefined });
    });
    socket.once("error", (error) => resolve({ done: false, why: error.message }));
  });
}
