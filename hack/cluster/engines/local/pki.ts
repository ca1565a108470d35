// Certificates of one throw-away cluster: one CA, one service-account key, one leaf per program.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { randomBytes, webcrypto } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterLayout } from "./layout.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const LIFETIME_MS = 365 * 24 * 3_600_000;

/** Paths of a certificate and its key. */
export interface Leaf {
  readonly cert: string;
  readonly key: string;
}

/** The file pair of the leaf called `name`. */
export function leafFiles(layout: ClusterLayout, name: string): Leaf {
  return {
    cert: join(layout.pkiFolder, `${name}.crt`),
    key: join(layout.pkiFolder, `${name}.key`),
  };
}

/** One client certificate: who it says its holder is. */
interface Client {
  readonly file: string;
  readonly user: string;
  readonly group?: string;
}

/** Users of the API server in this cluster, by file name. */
export function clients(layout: ClusterLayout): readonly Client[] {
  return [
    { file: "admin", user: "oaas-admin", group: "system:masters" },
    { file: "apiserver-kubelet-client", user: "kube-apiserver", group: "system:masters" },
    { file: "front-proxy-client", user: "front-proxy-client" },
    { file: "controller-manager", user: "system:kube-controller-manager" },
    { file: "scheduler", user: "system:kube-scheduler" },
    { file: "kube-proxy", user: "system:kube-proxy" },
    { file: "coredns", user: "system:coredns" },
    ...layout.nodes.map((node) => ({
      file: `kubelet-${node.name}`,
      user: `system:node:${node.name}`,
      group: "system:nodes",
    })),
  ];
}

/**
 * Writes ca.crt, ca.key, sa.pub, sa.key, apiserver.* and one pair per client into the pki folder.
 */
export async function writePki(layout: ClusterLayout): Promise<void> {
  mkdirSync(layout.pkiFolder, { recursive: true, mode: 0o700 });
  x509.cryptoProvider.set(webcrypto);
  const ca = await generateKeys();
  const caName = `CN=oaas-${layout.name}-ca`;
  const caCert = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: serial(),
    name: caName,
    keys: ca,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  writeFileSync(join(layout.pkiFolder, "ca.crt"), `${caCert.toString("pem")}\n`);
  writeFileSync(join(layout.pkiFolder, "ca.key"), await pkcs8(ca.privateKey), { mode: 0o600 });
  await writeServiceAccountKey(layout);
  const issue = async (
    file: string,
    subject: string,
    names?: x509.JsonGeneralNames,
  ): Promise<void> => {
    const keys = await generateKeys();
    const usage = [
      names === undefined ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth,
    ];
    const cert = await x509.X509CertificateGenerator.create({
      ...validity(),
      serialNumber: serial(),
      subject,
      issuer: caName,
      publicKey: keys.publicKey,
      signingKey: ca.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(usage),
        ...(names === undefined ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    const files = leafFiles(layout, file);
    writeFileSync(files.cert, `${cert.toString("pem")}\n`);
    writeFileSync(files.key, await pkcs8(keys.privateKey), { mode: 0o600 });
  };
  await issue("apiserver", "CN=kube-apiserver", serverNames(layout));
  for (const client of clients(layout)) {
    const group = client.group === undefined ? "" : `, O=${client.group}`;
    await issue(client.file, `CN=${client.user}${group}`);
  }
}

function serverNames(layout: ClusterLayout): x509.JsonGeneralNames {
  const names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const addresses = [
    layout.bridgeAddress,
    layout.serviceAddress,
    layout.loopbackAddress,
    "127.0.0.1",
  ];
  return [
    ...[...names, "kubernetes.default.svc.cluster.local"].map((value) => ({
      type: "dns" as const,
      value,
    })),
    ...addresses.map((value) => ({ type: "ip" as const, value })),
  ];
}

async function writeServiceAccountKey(layout: ClusterLayout): Promise<void> {
  const keys = await generateKeys();
  const spki = await webcrypto.subtle.exportKey("spki", keys.publicKey);
  writeFileSync(join(layout.pkiFolder, "sa.pub"), pem("PUBLIC KEY", spki));
  writeFileSync(join(layout.pkiFolder, "sa.key"), await pkcs8(keys.privateKey), { mode: 0o600 });
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

async function pkcs8(key: webcrypto.CryptoKey): Promise<string> {
  return pem("PRIVATE KEY", await webcrypto.subtle.exportKey("pkcs8", key));
}

function pem(label: string, data: ArrayBuffer): string {
  const lines =
    Buffer.from(data)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function serial(): string {
  // Positive and without a leading zero byte, as DER wants it.
  return `4${randomBytes(8).toString("hex").slice(1)}`;
}

function validity(): { readonly notBefore: Date; readonly notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + LIFETIME_MS) };
}
