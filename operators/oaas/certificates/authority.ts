// The certificate authority between our own programs: makes CA and leaf certificates (ECDSA P-256)
// and decides, as a pure function of what is stored and the time, what rotation does next.
//
// Rotation never cuts a connection: a new CA is first only trusted (`next`), then signs after every
// program had time to load the wider bundle, and the old one stays trusted (`previous`) until the
// last leaf that it signed has been replaced.
import "reflect-metadata";
import { createHash, webcrypto } from "node:crypto";

import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** A certificate with its private key, both PEM. */
export interface KeyPair {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** What the Secret of the CA holds. */
export interface AuthorityState {
  /** Signs. */
  readonly current: KeyPair;
  /** Trusted, signs later. */
  readonly next?: KeyPair;
  /** Trusted (PEM certificate only), no longer signs. */
  readonly previousPem?: string;
}

/** Durations in milliseconds. */
export interface AuthorityPolicy {
  readonly authorityLifetimeMs: number;
  readonly leafLifetimeMs: number;
  /** How long a new CA is only trusted before it signs: longer than a Secret takes into a pod. */
  readonly propagationMs: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** CA for a year, leaves for 30 days, 15 minutes for a bundle to reach every pod. */
export const defaultAuthorityPolicy: AuthorityPolicy = {
  authorityLifetimeMs: 365 * DAY_MS,
  leafLifetimeMs: 30 * DAY_MS,
  propagationMs: 15 * 60 * 1000,
};

/** What rotation does next; `keep` until `recheckAtMs`. */
export type AuthorityStep =
  | { readonly kind: "keep"; readonly recheckAtMs: number }
  | { readonly kind: "add-next" }
  | { readonly kind: "promote-next" }
  | { readonly kind: "drop-previous" };

interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Validity of a PEM certificate. Throws if the text is no certificate. */
export function certificateValidity(pem: string): Validity {
  const certificate = new x509.X509Certificate(pem);
  return {
    notBeforeMs: certificate.notBefore.getTime(),
    notAfterMs: certificate.notAfter.getTime(),
  };
}

/** When a certificate should be replaced: two thirds into its life. */
export function renewAtMs(validity: Validity): number {
  return validity.notBeforeMs + Math.floor(((validity.notAfterMs - validity.notBeforeMs) * 2) / 3);
}

/** First 16 hex digits of the SHA-256 over the PEM text: names a CA or a bundle in annotations. */
export function fingerprint(pem: string): string {
  return createHash("sha256").update(pem).digest("hex").slice(0, 16);
}

/** The CA certificates that a program must trust now, in one PEM text: signing one first. */
export function trustBundle(state: AuthorityState): string {
  return [state.current.certificatePem, state.next?.certificatePem, state.previousPem]
    .filter((pem) => pem !== undefined)
    .map((pem) => pem.trimEnd() + "\n")
    .join("");
}

/** Decides the next rotation step. Pure. */
export function planAuthority(
  state: AuthorityState,
  policy: AuthorityPolicy,
  nowMs: number,
): AuthorityStep {
  const current = certificateValidity(state.current.certificatePem);
  if (state.next !== undefined) {
    const trustedSinceMs = certificateValidity(state.next.certificatePem).notBeforeMs;
    // A CA that has ended vouches for nobody: nothing is lost by going over to the next at once.
    const promoteAtMs = Math.min(
      trustedSinceMs + slackMs(policy.authorityLifetimeMs) + policy.propagationMs,
      current.notAfterMs,
    );
    if (nowMs >= promoteAtMs) return { kind: "promote-next" };
    return { kind: "keep", recheckAtMs: promoteAtMs };
  }
  if (state.previousPem !== undefined) {
    // The last leaf of the old CA was issued no later than the promotion, which is no later than
    // one leaf life before this; leaves are re-issued at once, so this is generous. None outlives
    // its CA, so a short-lived CA does not hold up the renewal of the present one.
    const dropAtMs = Math.min(
      current.notBeforeMs + CLOCK_SLACK_MS + policy.propagationMs * 2 + policy.leafLifetimeMs,
      certificateValidity(state.previousPem).notAfterMs,
    );
    if (nowMs >= dropAtMs) return { kind: "drop-previous" };
    return { kind: "keep", recheckAtMs: dropAtMs };
  }
  const renewAt = renewAtMs(current);
  if (nowMs >= renewAt) return { kind: "add-next" };
  return { kind: "keep", recheckAtMs: renewAt };
}

/** Carries out one step; `keep` answers the state as it is. */
export async function applyAuthorityStep(
  state: AuthorityState,
  step: AuthorityStep,
  policy: AuthorityPolicy,
  nowMs: number,
): Promise<AuthorityState> {
  switch (step.kind) {
    case "keep":
      return state;
    case "add-next":
      return { ...state, next: await createAuthority(policy, nowMs) };
    case "promote-next":
      if (state.next === undefined) return state;
      return { current: state.next, previousPem: state.current.certificatePem };
    case "drop-previous":
      return { current: state.current };
  }
}

/** Certificates start a little in the past: clocks of nodes differ. */
const CLOCK_SLACK_MS = 5 * 60 * 1000;

/** Never so much that a short life would be due for renewal when it begins. */
function slackMs(lifetimeMs: number): number {
  return Math.min(CLOCK_SLACK_MS, lifetimeMs / 10);
}

function newSerial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return Buffer.from(bytes).toString("hex");
}

async function exportPrivateKey(key: webcrypto.CryptoKey): Promise<string> {
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
}

/** Makes a new self-signed CA valid from now. */
export async function createAuthority(policy: AuthorityPolicy, nowMs: number): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: "CN=oaas-operator CA",
    notBefore: new Date(nowMs - slackMs(policy.authorityLifetimeMs)),
    notAfter: new Date(nowMs + policy.authorityLifetimeMs),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return {
    certificatePem: certificate.toString("pem"),
    privateKeyPem: await exportPrivateKey(keys.privateKey),
  };
}

/**
 * Issues a leaf for both sides of mTLS. `identity` is its only URI SAN
 * (`spiffe://<cluster uid>/ns/<namespace>/<kind>/<name>`); peers authorise by it, not by host name.
 */
export async function issueLeaf(
  authority: KeyPair,
  identity: string,
  policy: AuthorityPolicy,
  nowMs: number,
): Promise<KeyPair> {
  const signer = new x509.X509Certificate(authority.certificatePem);
  const signingKey = await webcrypto.subtle.importKey(
    "pkcs8",
    x509.PemConverter.decodeFirst(authority.privateKeyPem),
    ALGORITHM,
    false,
    ["sign"],
  );
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: "CN=oaas-operator leaf",
    issuer: signer.subject,
    notBefore: new Date(nowMs - slackMs(policy.leafLifetimeMs)),
    notAfter: new Date(Math.min(nowMs + policy.leafLifetimeMs, signer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: identity }]),
      await x509.AuthorityKeyIdentifierExtension.create(signer),
    ],
  });
  return {
    certificatePem: certificate.toString("pem"),
    privateKeyPem: await exportPrivateKey(keys.privateKey),
  };
}
