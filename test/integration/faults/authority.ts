// A certificate authority of a test, in memory.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { randomBytes, webcrypto } from "node:crypto";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 24 * 3_600_000;

/** PEM of an authority and of one server certificate for 127.0.0.1 that it has signed. */
export interface ServerIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes a new authority and what it signs; `name` tells it from its predecessor. */
export async function createServerIdentity(name: string): Promise<ServerIdentity> {
  x509.cryptoProvider.set(webcrypto);
  const generate = (): Promise<webcrypto.CryptoKeyPair> =>
    webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const [authority, server] = await Promise.all([generate(), generate()]);
  const common = {
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter: new Date(Date.now() + DAY_MS),
    signingAlgorithm: ALGORITHM,
  };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: serial(),
    name: `CN=${name}`,
    keys: authority,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const cert = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: serial(),
    subject: "CN=fault-proxy",
    issuer: `CN=${name}`,
    publicKey: server.publicKey,
    signingKey: authority.privateKey,
    extensions: [
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }]),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", server.privateKey));
  const lines = key.toString("base64").match(/.{1,64}/g) ?? [];
  return {
    ca: `${ca.toString("pem")}\n`,
    cert: `${cert.toString("pem")}\n`,
    key: ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n"),
  };
}

function serial(): string {
  return `4${randomBytes(8).toString("hex").slice(1)}`;
}
