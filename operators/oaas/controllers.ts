// What the oaas operator runs: the list of its controllers and what stands beside them.
import type { Secret } from "kubernetes-types/core/v1.js";

import { LABELS } from "#api/meta/index.ts";
import { classRuntimeController } from "#controllers/class-runtime/reconcile.ts";
import { environmentController } from "#controllers/environment/reconcile.ts";
import { odgmCollectionController } from "#controllers/odgm-collection/reconcile.ts";
import { COLLECTION } from "#controllers/odgm-collection/observe.ts";
import type { CollectionKey, CollectionPort } from "#controllers/odgm-collection/port.ts";
import { opackageController } from "#controllers/opackage/reconcile.ts";
import type { AnyController, Live, Manager, OperatorParts } from "#controllers/runtime/index.ts";
import { KINDS, systemClock } from "#controllers/runtime/index.ts";

import { defaultAuthorityPolicy } from "./certificates/authority.ts";
import { CertificateKeeper, SYSTEM_CERTIFICATE } from "./certificates/keeper.ts";
import { KubeSecretStore } from "./certificates/secret-store.ts";
import { OperatorCollectionPort } from "./collection-port.ts";
import { OwnCertificate } from "./grpc/identity.ts";
import { MemberClient } from "./grpc/member-client.ts";
import { MemberPool } from "./grpc/member-pool.ts";
import { RoutingServer } from "./grpc/routing-server.ts";
import type { OperatorOptions } from "./options.ts";
import { Routing } from "./routing.ts";

type Parts = OperatorParts<OperatorOptions>;

/** Version that Environment shows; the door of releases sets it. */
export const OPERATOR_VERSION = "0.1.0";

interface Certificates {
  readonly own: OwnCertificate;
  readonly keeper: CertificateKeeper;
  /** Set before the manager runs: who must hear of a new CA. */
  onTrustChanged: () => void;
}

function certificates({ manager, options, clusterUid, log }: Parts): Certificates {
  const view = manager.view([
    {
      kind: KINDS.Secret,
      namespaces: [options.namespace],
      labelSelector: `${LABELS.certificate}=${SYSTEM_CERTIFICATE}`,
    },
  ]);
  const own = new OwnCertificate();
  const store = new KubeSecretStore(manager.client, (name) =>
    view.reader.get<Secret>(KINDS.Secret, { namespace: options.namespace, name }),
  );
  const keeper = new CertificateKeeper({
    namespace: options.namespace,
    clusterUid,
    policy: {
      ...defaultAuthorityPolicy,
      leafLifetimeMs: options.leafLifetimeMs,
      authorityLifetimeMs: options.authorityLifetimeMs,
    },
    store,
    own,
    clock: systemClock,
    log,
    onTrustChanged: () => parts.onTrustChanged(),
  });
  const parts: Certificates = { own, keeper, onTrustChanged: () => undefined };
  manager.addRunnable({
    name: "certificates",
    leaderOnly: false,
    run: async (signal) => {
      const stop = view.onChange(() => keeper.changed());
      await Promise.race([view.whenSynced(), aborted(signal)]);
      if (!signal.aborted) keeper.changed();
      await aborted(signal);
      stop();
    },
  });
  return parts;
}

function memberPool(own: OwnCertificate): MemberPool<MemberClient> {
  return new MemberPool((target, onChange) => new MemberClient(target, own, onChange));
}

function routes(parts: Parts, { own, keeper }: Certificates): void {
  const { manager, options, clusterUid, log } = parts;
  const { namespace } = options;
  const routing = new Routing({ manager, namespace, clusterUid, pool: memberPool(own), log });
  const server = new RoutingServer(routing.table, () => keeper.routingPeers, log);
  manager.addRunnable({
    name: "routing",
    leaderOnly: false,
    run: async (signal) => {
      const port = await server.listen(options.routingListen, own);
      log.info("serving routes", { port });
      await routing.keep(signal);
      server.close();
    },
  });
  manager.addRunnable({
    name: "routes-config-map",
    leaderOnly: true,
    run: (signal) => routing.write(signal, manager.client),
  });
}

/** Connections to the members of a deleted collection end with it: no pass sees it any more. */
function keepToLiving(manager: Manager, port: OperatorCollectionPort): void {
  const view = manager.view([{ kind: COLLECTION }]);
  manager.addRunnable({
    name: "members",
    leaderOnly: false,
    run: async (signal) => {
      await Promise.race([view.whenSynced(), aborted(signal)]);
      const retain = (): void => port.retain(view.reader.list(COLLECTION).map(keyOf));
      const stop = view.onChange(retain);
      retain();
      await aborted(signal);
      stop();
    },
  });
}

function keyOf({ metadata }: Live<object>): CollectionKey {
  return { namespace: metadata.namespace ?? "", name: metadata.name };
}

/** The controllers of this operator; RBAC is generated from what they declare. */
export function controllersOf(
  options: Pick<OperatorOptions, "namespace" | "odgmImage">,
  port: CollectionPort,
): readonly AnyController[] {
  const systemNamespace = options.namespace;
  return [
    environmentController({ operatorVersion: OPERATOR_VERSION }),
    opackageController(),
    classRuntimeController({ systemNamespace }),
    odgmCollectionController({ image: options.odgmImage, systemNamespace }, port),
  ];
}

/** Adds everything to the manager and runs it until the signal aborts. */
export async function start(parts: Parts): Promise<void> {
  const { manager, options, log, signal } = parts;
  const held = certificates(parts);
  const pool = memberPool(held.own);
  const port = new OperatorCollectionPort(pool, held.keeper, manager.client);
  held.onTrustChanged = () => port.trustChanged();
  for (const controller of controllersOf(options, port)) manager.add(controller);
  keepToLiving(manager, port);
  routes(parts, held);
  await manager.run(signal);
  pool.close();
  log.info("stopped");
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
