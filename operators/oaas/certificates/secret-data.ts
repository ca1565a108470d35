// How certificates lie in Secrets, and whether what lies there is one. Anybody with rights on the
// namespace can edit a Secret, so nothing in it is believed before it was parsed.
import { createPrivateKey, X509Certificate } from "node:crypto";

import { uriNames } from "../grpc/peer-names.ts";
import type { AuthorityState, KeyPair } from "./authority.ts";

type SecretData = Readonly<Record<string, string>>;

/** Data of Secret `oaas-ca`: tls (signs), next (trusted, signs later), previous (trusted). */
export function encodeAuthority(state: AuthorityState): SecretData {
  return {
    "tls.crt": state.current.certificatePem,
    "tls.key": state.current.privateKeyPem,
    ...(state.next === undefined
      ? {}
      : { "next.crt": state.next.certificatePem, "next.key": state.next.privateKeyPem }),
    ...(state.previousPem === undefined ? {} : { "previous.crt": state.previousPem }),
  };
}

/** What Secret `oaas-ca` says. */
export type AuthorityRead =
  | { readonly kind: "absent" }
  | { readonly kind: "known"; readonly state: AuthorityState }
  /** Somebody edited it: nothing is signed until it is brought back or deleted. */
  | { readonly kind: "malformed"; readonly message: string };

/** Reads {@link encodeAuthority} back; every certificate and key is looked into. */
export function decodeAuthority(data: SecretData | undefined): AuthorityRead {
  if (data === undefined) return { kind: "absent" };
  const current = decodePair(data, "tls");
  if (typeof current === "string") return { kind: "malformed", message: current };
  const hasNext = data["next.crt"] !== undefined || data["next.key"] !== undefined;
  const next = hasNext ? decodePair(data, "next") : undefined;
  if (typeof next === "string") return { kind: "malformed", message: next };
  const previousPem = data["previous.crt"];
  if (previousPem !== undefined && parsed(previousPem) === undefined) {
    return { kind: "malformed", message: "key previous.crt holds no certificate" };
  }
  const state: AuthorityState = {
    current,
    ...(next === undefined ? {} : { next }),
    ...(previousPem === undefined ? {} : { previousPem }),
  };
  return { kind: "known", state };
}

/** A leaf as a Secret holds it. */
export interface LeafFiles extends KeyPair {
  readonly caPem: string;
}

/**
 * The leaf in a Secret; undefined unless everything is there, key and certificate belong together
 * and its only URI name is `identity`: annotations alone prove nothing.
 */
export function decodeLeaf(data: SecretData | undefined, identity: string): LeafFiles | undefined {
  const caPem = data?.["ca.crt"];
  if (data === undefined || caPem === undefined) return undefined;
  const pair = decodePair(data, "tls");
  if (typeof pair === "string") return undefined;
  const names = uriNames(parsed(pair.certificatePem)?.subjectAltName ?? "");
  return names.length === 1 && names[0] === identity ? { ...pair, caPem } : undefined;
}

/** The pair below `prefix`, or what is wrong with it. */
function decodePair(data: SecretData, prefix: string): KeyPair | string {
  const [certificatePem, privateKeyPem] = [data[`${prefix}.crt`], data[`${prefix}.key`]];
  if (certificatePem === undefined) return `key ${prefix}.crt is missing`;
  if (privateKeyPem === undefined) return `key ${prefix}.key is missing`;
  const certificate = parsed(certificatePem);
  if (certificate === undefined) return `key ${prefix}.crt holds no certificate`;
  try {
    const matches = certificate.checkPrivateKey(createPrivateKey(privateKeyPem));
    return matches ? { certificatePem, privateKeyPem } : `${prefix}.key is not of ${prefix}.crt`;
  } catch {
    return `key ${prefix}.key holds no private key`;
  }
}

function parsed(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem);
  } catch {
    return undefined;
  }
}
