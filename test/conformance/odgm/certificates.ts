// Certificates for tests: one authority, leaves with a URI SAN, in folders as Secrets are mounted.
import "reflect-metadata";

import { webcrypto } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** An authority that signs leaves. */
export interface Authority {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

/** A new self-signed authority. */
export async function makeAuthority(name: string): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
    ],
  });
  return { certificate, keys };
}

/** Writes ca.crt, tls.crt and tls.key of a leaf with this URI SAN; `trusted` goes into ca.crt. */
export async function writeLeaf(
  folder: string,
  leaf: { readonly uri: string; readonly by: Authority; readonly trusted?: readonly Authority[] },
): Promise<void> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=leaf",
    issuer: leaf.by.certificate.subject,
    signingKey: leaf.by.keys.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: algorithm,
    notAfter: new Date(Date.now() + 3_600_000),
    extensions: [
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: leaf.uri }]),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
    ],
  });
  const privateKey = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  const trusted = leaf.trusted ?? [leaf.by];
  mkdirSync(folder, { recursive: true });
  const ca = trusted.map((authority) => authority.certificate.toString("pem")).join("\n");
  writeFileSync(join(folder, "ca.crt"), ca);
  writeFileSync(join(folder, "tls.crt"), certificate.toString("pem"));
  writeFileSync(join(folder, "tls.key"), x509.PemConverter.encode(privateKey, "PRIVATE KEY"));
}
