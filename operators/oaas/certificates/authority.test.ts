import { createServer, connect, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { once } from "node:events";

import { beforeAll, describe, expect, it } from "@jest/globals";

import {
  applyAuthorityStep,
  certificateValidity,
  createAuthority,
  defaultAuthorityPolicy as policy,
  fingerprint,
  issueLeaf,
  planAuthority,
  renewAtMs,
  trustBundle,
  type AuthorityState,
} from "./authority.ts";

const start = Date.UTC(2030, 0, 1);
const day = 24 * 60 * 60 * 1000;
let state: AuthorityState;

beforeAll(async () => {
  state = { current: await createAuthority(policy, start) };
});

describe("rotation", () => {
  it("keeps a young CA and says when to look again", () => {
    const step = planAuthority(state, policy, start);
    expect(step.kind).toBe("keep");
    const validity = certificateValidity(state.current.certificatePem);
    expect(step).toEqual({ kind: "keep", recheckAtMs: renewAtMs(validity) });
  });

  it("goes trust, sign, forget, and trusts the signer of every living leaf throughout", async () => {
    let now = start + 300 * day;
    const first = fingerprint(state.current.certificatePem);
    expect(planAuthority(state, policy, now)).toEqual({ kind: "add-next" });
    const widened = await applyAuthorityStep(state, { kind: "add-next" }, policy, now);
    expect(fingerprint(widened.current.certificatePem)).toBe(first);
    expect(trustBundle(widened).match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(planAuthority(widened, policy, now).kind).toBe("keep");

    now += policy.propagationMs + 1;
    expect(planAuthority(widened, policy, now)).toEqual({ kind: "promote-next" });
    const promoted = await applyAuthorityStep(widened, { kind: "promote-next" }, policy, now);
    expect(promoted.current).toEqual(widened.next);
    expect(trustBundle(promoted)).toContain(state.current.certificatePem.trim());
    expect(planAuthority(promoted, policy, now).kind).toBe("keep");

    now += 31 * day;
    expect(planAuthority(promoted, policy, now)).toEqual({ kind: "drop-previous" });
    const settled = await applyAuthorityStep(promoted, { kind: "drop-previous" }, policy, now);
    expect(trustBundle(settled).match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
  });
});

describe("short lives", () => {
  const minute = 60 * 1000;

  it.each([6 * minute, 60 * minute])("leaf of %d ms is not due when it begins", async (life) => {
    const short = { ...policy, leafLifetimeMs: life };
    const leaf = await issueLeaf(state.current, "spiffe://u/ns/a/odgm/x", short, start);
    expect(renewAtMs(certificateValidity(leaf.certificatePem)) - start).toBeGreaterThan(life / 2);
  });

  it("a CA that lives shorter than leaves is renewed all the same, before it ends", async () => {
    const short = { ...policy, authorityLifetimeMs: 60 * minute, propagationMs: minute };
    let present: AuthorityState = { current: await createAuthority(short, start) };
    const signers = new Set<string>();
    for (let now = start; now < start + 200 * minute; now += minute) {
      const step = planAuthority(present, short, now);
      present = await applyAuthorityStep(present, step, short, now);
      signers.add(fingerprint(present.current.certificatePem));
      expect(certificateValidity(present.current.certificatePem).notAfterMs).toBeGreaterThan(now);
      if (step.kind === "keep") expect(step.recheckAtMs).toBeGreaterThan(now);
    }
    expect(signers.size).toBeGreaterThan(3);
  });

  it("a CA that ended while nobody looked gives way at once", async () => {
    const late = start + policy.authorityLifetimeMs + day;
    const widened = await applyAuthorityStep(state, { kind: "add-next" }, policy, late);
    expect(planAuthority(widened, policy, late)).toEqual({ kind: "promote-next" });
  });
});

describe("leaves", () => {
  it("serve mutual TLS and carry exactly one URI SAN", async () => {
    const nowMs = Date.now();
    const authority = await createAuthority(policy, nowMs);
    const server = await issueLeaf(authority, "spiffe://u/ns/a/odgm/x", policy, nowMs);
    const client = await issueLeaf(authority, "spiffe://u/ns/oaas-system/gateway", policy, nowMs);
    const listener = createServer({
      cert: server.certificatePem,
      key: server.privateKeyPem,
      ca: authority.certificatePem,
      requestCert: true,
      rejectUnauthorized: true,
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const accepted = once(listener, "secureConnection");
    const socket = connect({
      port: (listener.address() as AddressInfo).port,
      host: "127.0.0.1",
      cert: client.certificatePem,
      key: client.privateKeyPem,
      ca: authority.certificatePem,
      checkServerIdentity: () => undefined,
    });
    await once(socket, "secureConnect");
    expect(socket.getPeerCertificate().subjectaltname).toBe("URI:spiffe://u/ns/a/odgm/x");
    const [peer] = (await accepted) as [TLSSocket];
    expect(peer.getPeerCertificate().subjectaltname).toBe("URI:spiffe://u/ns/oaas-system/gateway");
    socket.destroy();
    listener.close();
  });

  it("never outlive their CA", async () => {
    const late = start + policy.authorityLifetimeMs - day;
    const leaf = await issueLeaf(state.current, "spiffe://u/ns/a/odgm/x", policy, late);
    expect(certificateValidity(leaf.certificatePem).notAfterMs).toBe(
      certificateValidity(state.current.certificatePem).notAfterMs,
    );
  });
});
