// Both sides of our mTLS: certificates that can be replaced while connections live, and peers
// authorised by the one URI SAN of their certificate (SPIFFE id), never by host name.
import type { PeerCertificate } from "node:tls";

import type { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { experimental } from "@grpc/grpc-js";

import { uriNames } from "./peer-names.ts";

/** CA bundle, certificate and key, all PEM. */
export interface TlsFiles {
  readonly caPem: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

type CaListener = experimental.CaCertificateUpdateListener;
type IdentityListener = experimental.IdentityCertificateUpdateListener;

/**
 * Our own certificate for every gRPC server and client of this process. `set` replaces it: new
 * handshakes use the new one at once, living connections go on. Before the first `set` handshakes
 * wait.
 */
export class OwnCertificate implements experimental.CertificateProvider {
  #files: TlsFiles | undefined;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();

  /** Whether a certificate was set. */
  get ready(): boolean {
    return this.#files !== undefined;
  }

  /** Replaces the certificate; the same files again change nothing. */
  set(files: TlsFiles): void {
    const old = this.#files;
    if (
      old !== undefined &&
      old.caPem === files.caPem &&
      old.certificatePem === files.certificatePem &&
      old.privateKeyPem === files.privateKeyPem
    ) {
      return;
    }
    this.#files = files;
    for (const listener of this.#caListeners) listener(this.#ca(files));
    for (const listener of this.#identityListeners) listener(this.#identity(files));
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    this.#tellSoon(() => {
      if (this.#files !== undefined && this.#caListeners.has(listener)) {
        listener(this.#ca(this.#files));
      }
    });
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
  }

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    this.#tellSoon(() => {
      if (this.#files !== undefined && this.#identityListeners.has(listener)) {
        listener(this.#identity(this.#files));
      }
    });
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }

  /**
   * grpc-js registers its own watcher only after it has added the listener, and would miss a call
   * made meanwhile: a server bound after the first `set` would then drop every connection.
   */
  #tellSoon(tell: () => void): void {
    process.nextTick(tell);
  }

  #ca(files: TlsFiles): experimental.CaCertificateUpdate {
    return { caCertificate: Buffer.from(files.caPem) };
  }

  #identity(files: TlsFiles): experimental.IdentityCertificateUpdate {
    return {
      certificate: Buffer.from(files.certificatePem),
      privateKey: Buffer.from(files.privateKeyPem),
    };
  }
}

/** The one identity of a peer; undefined if its certificate carries none or several. */
export function peerIdentity(
  certificate: Pick<PeerCertificate, "subjectaltname"> | undefined,
): string | undefined {
  const names = uriNames(certificate?.subjectaltname ?? "");
  return names.length === 1 ? names[0] : undefined;
}

/** Client credentials that admit exactly the server whose URI SAN is `serverIdentity`. */
export function clientCredentials(own: OwnCertificate, serverIdentity: string): ChannelCredentials {
  return experimental.createCertificateProviderChannelCredentials(own, own, {
    checkServerIdentity: (_host, certificate) => {
      const name = peerIdentity(certificate);
      if (name === serverIdentity) return undefined;
      return new Error(`server is ${name ?? "nobody we know"}, expected ${serverIdentity}`);
    },
  });
}

/** Server credentials that demand a certificate of our CA; who is admitted is checked per call. */
export function serverCredentials(own: OwnCertificate): ServerCredentials {
  return experimental.createCertificateProviderServerCredentials(own, own, true);
}
