// Certificates from a folder that somebody else renews: ca.crt (one or two authorities while one
// rotates), tls.crt, tls.key. Read again when they change; a half-written set is never used, the
// last good one stays. New connections use the new set, open ones live on.
import { X509Certificate, createPrivateKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import type { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { experimental } from "@grpc/grpc-js";

import type { Logger } from "#api/base/index.ts";
import { errorMessage, PlatformError } from "#api/base/index.ts";

import { isAdmitted } from "./identity.ts";

/** TLS_FOLDER: the three files are not there, not readable, or do not belong together. */
export class TlsError extends PlatformError {
  override readonly name = "TlsError";
  override readonly code = "TLS_FOLDER";
}

/** One coherent set, PEM. */
export interface TlsMaterial {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly privateKey: Buffer;
  /** End of the leaf's life, milliseconds since the epoch. */
  readonly expiresAtMs: number;
}

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/** A watched folder; also grpc-js' certificate provider, so that rotation needs no restart. */
export class TlsFolder implements experimental.CertificateProvider {
  readonly #path: string;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  readonly #clientCredentials = new Map<string, ChannelCredentials>();
  #material: TlsMaterial;

  /** Use {@link openTlsFolder}. */
  constructor(path: string, material: TlsMaterial, options: TlsFolderOptions) {
    this.#path = path;
    this.#material = material;
    this.#log = options.log;
    this.#timer = setInterval(() => void this.refresh(), options.pollMs ?? 5000);
    this.#timer.unref();
  }

  /** The set in use. */
  current(): TlsMaterial {
    return this.#material;
  }

  /** Reads the folder now; answers whether a new set is in use. Trouble is logged, never thrown. */
  async refresh(): Promise<boolean> {
    try {
      const next = await readMaterial(this.#path);
      if (sameMaterial(next, this.#material)) return false;
      this.#material = next;
    } catch (cause: unknown) {
      this.#log.warn("certificates not renewed", {
        folder: this.#path,
        error: errorMessage(cause),
      });
      return false;
    }
    for (const listener of this.#caListeners) listener(this.#caUpdate());
    for (const listener of this.#identityListeners) listener(this.#identityUpdate());
    const expiresAt = new Date(this.#material.expiresAtMs).toISOString();
    this.#log.info("certificates renewed", { folder: this.#path, expiresAt });
    return true;
  }

  /** For a gRPC server that asks every client for a certificate of this authority. */
  serverCredentials(): ServerCredentials {
    return experimental.createCertificateProviderServerCredentials(this, this, true);
  }

  /** For a gRPC client that talks only to a server with this URI SAN; host names do not count. */
  clientCredentials(serverIdentity: string): ChannelCredentials {
    const known = this.#clientCredentials.get(serverIdentity);
    if (known !== undefined) return known;
    const admitted = new Set([serverIdentity]);
    const made = experimental.createCertificateProviderChannelCredentials(this, this, {
      checkServerIdentity: (_host, certificate) =>
        isAdmitted(certificate, admitted)
          ? undefined
          : new TlsError(
              `server is not ${serverIdentity} but ${certificate.subjectaltname ?? "nameless"}`,
            ),
    });
    this.#clientCredentials.set(serverIdentity, made);
    return made;
  }

  /** Ends the watching. Connections stay. */
  close(): void {
    clearInterval(this.#timer);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    process.nextTick(() => listener(this.#caUpdate()));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    process.nextTick(() => listener(this.#identityUpdate()));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }

  #caUpdate(): experimental.CaCertificateUpdate {
    return { caCertificate: this.#material.ca };
  }

  #identityUpdate(): experimental.IdentityCertificateUpdate {
    const { certificate, privateKey } = this.#material;
    return { certificate, privateKey };
  }
}

/** `pollMs`: how often the files are read again, 5000 by default. */
export interface TlsFolderOptions {
  readonly log: Logger;
  readonly pollMs?: number;
}

/** Reads the folder once and goes on watching it. Throws {@link TlsError}. */
export async function openTlsFolder(path: string, options: TlsFolderOptions): Promise<TlsFolder> {
  return new TlsFolder(path, await readMaterial(path), options);
}

async function readMaterial(path: string): Promise<TlsMaterial> {
  try {
    const [ca, certificate, privateKey] = await Promise.all([
      readFile(join(path, "ca.crt")),
      readFile(join(path, "tls.crt")),
      readFile(join(path, "tls.key")),
    ]);
    const leaf = new X509Certificate(certificate);
    if (!leaf.checkPrivateKey(createPrivateKey(privateKey))) {
      throw new Error("tls.key does not belong to tls.crt");
    }
    new X509Certificate(ca);
    return { ca, certificate, privateKey, expiresAtMs: Date.parse(leaf.validTo) };
  } catch (cause: unknown) {
    throw new TlsError(`certificates in ${path}: ${errorMessage(cause)}`, { cause });
  }
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return (
    a.ca.equals(b.ca) && a.certificate.equals(b.certificate) && a.privateKey.equals(b.privateKey)
  );
}
