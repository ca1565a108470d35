import { describe, expect, it } from "@jest/globals";

import type { Clock, Logger } from "#api/base/index.ts";
import { CERTIFICATE_ANNOTATIONS } from "#controllers/odgm-collection/port.ts";

import { OwnCertificate } from "../grpc/identity.ts";
import { defaultAuthorityPolicy as policy } from "./authority.ts";
import type { SecretStore, SecretView } from "./keeper.ts";
import { CertificateKeeper, recheckDelayMs, SecretChangedError, SYSTEM_SECRETS } from "./keeper.ts";

const day = 24 * 60 * 60 * 1000;
const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

class MemoryStore implements SecretStore {
  readonly secrets = new Map<string, SecretView>();
  writes = 0;
  #version = 0;

  get(name: string): SecretView | undefined {
    return this.secrets.get(`oaas-system/${name}`);
  }

  async write(secret: SecretView, mode: "create" | "apply"): Promise<void> {
    await Promise.resolve();
    const key = `${secret.namespace}/${secret.name}`;
    const present = this.secrets.get(key);
    if (mode === "create" && present !== undefined) throw new SecretChangedError("exists");
    const { resourceVersion } = secret;
    if (resourceVersion !== undefined && resourceVersion !== present?.resourceVersion) {
      throw new SecretChangedError("changed");
    }
    this.#version += 1;
    this.writes += 1;
    this.secrets.set(key, { ...secret, resourceVersion: String(this.#version) });
  }
}

function setUp(store = new MemoryStore()): {
  readonly store: MemoryStore;
  readonly keeper: CertificateKeeper;
  readonly time: { nowMs: number };
  readonly own: OwnCertificate;
  readonly trustChanges: { count: number };
} {
  const time = { nowMs: Date.UTC(2030, 0, 1) };
  const clock: Clock = { nowMs: () => time.nowMs, monotonicMs: () => time.nowMs };
  const own = new OwnCertificate();
  const trustChanges = { count: 0 };
  const keeper = new CertificateKeeper({
    namespace: "oaas-system",
    clusterUid: "u",
    policy,
    store,
    own,
    clock,
    log: silent,
    onTrustChanged: () => (trustChanges.count += 1),
  });
  return { store, keeper, time, own, trustChanges };
}

/** As informer events would do it: look again until nothing is written any more. */
async function settle(keeper: CertificateKeeper, store: MemoryStore): Promise<void> {
  for (let writes = -1; writes !== store.writes;) {
    writes = store.writes;
    keeper.changed();
    await keeper.settled();
  }
}

describe("CertificateKeeper", () => {
  it("makes the CA and both certificates once, then writes nothing", async () => {
    const { store, keeper, own } = setUp();
    const stop = keeper.lead();
    await settle(keeper, store);
    expect([...store.secrets.keys()].sort()).toEqual([
      "oaas-system/gateway-tls",
      "oaas-system/oaas-ca",
      "oaas-system/oaas-operator-tls",
    ]);
    expect(store.writes).toBe(3);
    expect(own.ready).toBe(true);
    expect(store.get(SYSTEM_SECRETS.gateway)?.data["routing-identity"]).toBe(
      "spiffe://u/ns/oaas-system/operator",
    );
    stop();
  });

  it("does not write on a replica that does not lead, but learns what is there", async () => {
    const leader = setUp();
    const stop = leader.keeper.lead();
    await settle(leader.keeper, leader.store);
    const follower = setUp(leader.store);
    await settle(follower.keeper, leader.store);
    expect(leader.store.writes).toBe(3);
    expect(follower.keeper.trust).toEqual(leader.keeper.trust);
    expect(follower.own.ready).toBe(true);
    stop();
  });

  it("two leaders in the same moment end with one CA", async () => {
    const store = new MemoryStore();
    const [a, b] = [setUp(store), setUp(store)];
    const stops = [a.keeper.lead(), b.keeper.lead()];
    await Promise.all([a.keeper.settled(), b.keeper.settled()]);
    await settle(a.keeper, store);
    await settle(b.keeper, store);
    expect(a.keeper.trust).toEqual(b.keeper.trust);
    for (const stop of stops) stop();
  });

  it("renews leaves before they end, and rotates the CA through a time of double trust", async () => {
    const { store, keeper, time, trustChanges } = setUp();
    const stop = keeper.lead();
    await settle(keeper, store);
    const first = store.get(SYSTEM_SECRETS.gateway)?.data["tls.crt"];
    time.nowMs += 21 * day;
    await settle(keeper, store);
    expect(store.get(SYSTEM_SECRETS.gateway)?.data["tls.crt"]).not.toBe(first);
    expect(trustChanges.count).toBe(1);

    time.nowMs += 230 * day;
    await settle(keeper, store);
    const widened = store.get(SYSTEM_SECRETS.gateway);
    expect(widened?.data["ca.crt"]?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    const oldIssuer = widened?.annotations[CERTIFICATE_ANNOTATIONS.issuer];
    time.nowMs += policy.propagationMs + 1;
    await settle(keeper, store);
    const rotated = store.get(SYSTEM_SECRETS.gateway);
    expect(rotated?.annotations[CERTIFICATE_ANNOTATIONS.issuer]).not.toBe(oldIssuer);
    expect(rotated?.data["ca.crt"]?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    stop();
  });
});

describe("Secrets that somebody edited", () => {
  const edits: readonly [string, (data: Record<string, string>) => void][] = [
    ["without a key", (data) => delete data["tls.key"]],
    ["with a garbled certificate", (data) => (data["tls.crt"] = "garbage")],
    ["with a garbled key", (data) => (data["tls.key"] = "garbage")],
    ["with another bundle", (data) => (data["ca.crt"] += "x")],
    ["that are empty", (data) => Object.keys(data).forEach((key) => delete data[key])],
  ];

  function edit(store: MemoryStore, name: string, change: (data: Record<string, string>) => void) {
    const key = `oaas-system/${name}`;
    const present = store.secrets.get(key);
    if (present === undefined) throw new Error(`no Secret ${name}`);
    const data = { ...present.data };
    change(data);
    store.secrets.set(key, { ...present, data, resourceVersion: `${present.resourceVersion}-e` });
  }

  it.each(edits)(
    "%s are issued anew once, whatever their annotations say",
    async (_name, change) => {
      const { store, keeper } = setUp();
      const stop = keeper.lead();
      await settle(keeper, store);
      for (const name of [SYSTEM_SECRETS.operator, SYSTEM_SECRETS.gateway]) {
        const before = store.writes;
        edit(store, name, change);
        await settle(keeper, store);
        expect(store.writes).toBe(before + 1);
        expect(Object.keys(store.get(name)?.data ?? {})).toContain("tls.key");
      }
      stop();
    },
  );

  it("with the other one's certificate are issued anew", async () => {
    const { store, keeper } = setUp();
    const stop = keeper.lead();
    await settle(keeper, store);
    const gateway = store.get(SYSTEM_SECRETS.gateway)?.data ?? {};
    edit(store, SYSTEM_SECRETS.operator, (data) => Object.assign(data, gateway));
    const before = store.writes;
    await settle(keeper, store);
    expect(store.writes).toBe(before + 1);
    stop();
  });

  it("and the CA's: nothing is signed or replaced, and what is known goes on", async () => {
    const { store, keeper, own } = setUp();
    const stop = keeper.lead();
    await settle(keeper, store);
    const { trust } = keeper;
    const good = store.get(SYSTEM_SECRETS.authority);
    edit(store, SYSTEM_SECRETS.authority, (data) => (data["tls.key"] = "garbage"));
    const before = store.writes;
    await settle(keeper, store);
    expect(store.writes).toBe(before);
    expect(keeper.trust).toEqual(trust);
    expect(own.ready).toBe(true);
    if (good !== undefined) store.secrets.set("oaas-system/oaas-ca", good);
    await settle(keeper, store);
    expect(store.writes).toBe(before);
    stop();
  });
});

describe("recheckDelayMs", () => {
  it.each([
    [5_000, 5_000],
    [-5, 1_000],
    [0, 1_000],
    [400 * day, day],
  ])("in %d ms: waits %d", (inMs, want) => expect(recheckDelayMs(1_000 + inMs, 1_000)).toBe(want));
});
