// Keeps the CA and the certificates of the operator and the gateway in Secrets of the operator's
// own namespace, and issues the collections'. Every replica reads; only the leader writes.
//
// Secret `oaas-ca`: tls.crt, tls.key (signs), next.crt, next.key (trusted, signs later),
// previous.crt (trusted). Leaf Secrets: ca.crt (bundle), tls.crt, tls.key; the gateway's also
// `routing-identity`.
import type { Clock, Logger } from "#api/base/index.ts";
import { errorMessage, PlatformError } from "#api/base/index.ts";
import { ANNOTATIONS, LABELS } from "#api/meta/index.ts";
import type { CertificateRequest, Trust } from "#controllers/odgm-collection/port.ts";
import { CERTIFICATE_ANNOTATIONS } from "#controllers/odgm-collection/port.ts";
import { gatewayIdentity, operatorIdentity } from "#controllers/odgm-collection/plan/san.ts";

import type { OwnCertificate } from "../grpc/identity.ts";
import type { AuthorityPolicy, AuthorityState } from "./authority.ts";
import { decodeAuthority, decodeLeaf, encodeAuthority } from "./secret-data.ts";
import {
  applyAuthorityStep,
  certificateValidity,
  createAuthority,
  fingerprint,
  issueLeaf,
  planAuthority,
  renewAtMs,
  trustBundle,
} from "./authority.ts";

/** A Secret as the keeper sees and writes it; values are text, not base64. */
export interface SecretView {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly data: Readonly<Record<string, string>>;
  readonly owner?: CertificateRequest["owner"];
  /** Set when read; a write that carries it fails with `SECRET_CHANGED` if somebody was faster. */
  readonly resourceVersion?: string;
}

/** Where the Secrets are. */
export interface SecretStore {
  /** A Secret of the operator's own namespace, from the cache. */
  get(name: string): SecretView | undefined;
  /** Server-side apply; `create` fails if there is one. */
  write(secret: SecretView, mode: "create" | "apply"): Promise<void>;
}

/** A write that lost a race; look again and decide anew. */
export class SecretChangedError extends PlatformError {
  override readonly name = "SecretChangedError";
  readonly code = "SECRET_CHANGED";
}

/** The CA's Secret was edited so that nothing can be signed with it. */
export class AuthorityDamagedError extends PlatformError {
  override readonly name = "AuthorityDamagedError";
  readonly code = "AUTHORITY_DAMAGED";
}

/** Names of the Secrets in the operator's namespace. */
export const SYSTEM_SECRETS = {
  authority: "oaas-ca",
  operator: "oaas-operator-tls",
  gateway: "gateway-tls",
} as const;

/** Value of the label by which the operator watches its own Secrets. */
export const SYSTEM_CERTIFICATE = "system";

const RECHECK_MIN_MS = 1_000;
const RECHECK_MAX_MS = 24 * 60 * 60 * 1000;
const RETRY_MS = 5_000;

/** Settings and ports of {@link CertificateKeeper}. */
export interface KeeperOptions {
  readonly namespace: string;
  readonly clusterUid: string;
  readonly policy: AuthorityPolicy;
  readonly store: SecretStore;
  readonly own: OwnCertificate;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called whenever what must be trusted has changed. */
  readonly onTrustChanged: () => void;
}

/** See the head of this file. */
export class CertificateKeeper {
  readonly #options: KeeperOptions;
  #authority: AuthorityState | undefined;
  #trust: Trust | undefined;
  #leading = false;
  #working: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /** What leaves must look like now; undefined until the CA is known. */
  get trust(): Trust | undefined {
    return this.#trust;
  }

  /** Identities that may ask for routes. */
  get routingPeers(): ReadonlySet<string> {
    return new Set([gatewayIdentity(this.#options.clusterUid, this.#options.namespace)]);
  }

  /** Begins to write: this replica leads. Answers how to end that. */
  lead(): () => void {
    this.#leading = true;
    this.changed();
    return () => {
      this.#leading = false;
      clearTimeout(this.#timer);
    };
  }

  /** To be called when a Secret of ours changed. Returns at once. */
  changed(): void {
    this.#working = this.#working.then(() => this.#pass());
  }

  /** Resolves when everything that was asked for so far is done. */
  async settled(): Promise<void> {
    await this.#working;
  }

  /** Issues a collection's certificate into its Secret. */
  async issue(request: CertificateRequest): Promise<void> {
    const authority = this.#authority;
    if (authority === undefined) throw new SecretChangedError("the CA is not known yet");
    await this.#options.store.write(await this.#leaf(authority, request, {}), "apply");
  }

  async #pass(): Promise<void> {
    try {
      this.#read();
      if (this.#leading) this.#recheck(await this.#write());
    } catch (cause) {
      // Written anew from what is there then: nothing was lost, only time.
      this.#options.log.warn("certificates: pass failed, trying again", {
        error: errorMessage(cause),
      });
      if (this.#leading) this.#recheck(this.#options.clock.nowMs() + RETRY_MS);
    }
  }

  #recheck(atMs: number): void {
    clearTimeout(this.#timer);
    const delayMs = recheckDelayMs(atMs, this.#options.clock.nowMs());
    this.#timer = setTimeout(() => this.changed(), delayMs);
    this.#timer.unref();
  }

  /** Takes over what the Secrets say. */
  #read(): void {
    const { store, own, clusterUid } = this.#options;
    const leaf = decodeLeaf(
      store.get(SYSTEM_SECRETS.operator)?.data,
      this.#identityOf(SYSTEM_SECRETS.operator),
    );
    if (leaf !== undefined) own.set(leaf);
    const read = decodeAuthority(store.get(SYSTEM_SECRETS.authority)?.data);
    if (read.kind === "malformed") {
      // What is known goes on being used and trusted; a new CA would cut every connection.
      throw new AuthorityDamagedError(
        `Secret ${SYSTEM_SECRETS.authority}: ${read.message}; bring it back, or delete it to ` +
          `start with a new CA`,
      );
    }
    this.#authority = read.kind === "known" ? read.state : undefined;
    if (this.#authority === undefined) return;
    const bundle = fingerprint(trustBundle(this.#authority));
    const issuer = fingerprint(this.#authority.current.certificatePem);
    if (this.#trust?.bundle === bundle && this.#trust.issuer === issuer) return;
    this.#trust = { clusterUid, bundle, issuer };
    this.#options.onTrustChanged();
  }

  /** Brings the Secrets to what they shall be; answers when to look again. */
  async #write(): Promise<number> {
    const { policy, clock } = this.#options;
    const authority = this.#authority;
    if (authority === undefined) {
      await this.#storeAuthority(
        { current: await createAuthority(policy, clock.nowMs()) },
        "create",
      );
      return clock.nowMs() + RETRY_MS;
    }
    const step = planAuthority(authority, policy, clock.nowMs());
    if (step.kind !== "keep") {
      this.#options.log.info("certificates: rotating the CA", { step: step.kind });
      const next = await applyAuthorityStep(authority, step, policy, clock.nowMs());
      await this.#storeAuthority(next, "apply");
      return clock.nowMs() + RETRY_MS;
    }
    const operatorAt = await this.#ensure(authority, SYSTEM_SECRETS.operator);
    const gatewayAt = await this.#ensure(authority, SYSTEM_SECRETS.gateway);
    return Math.min(step.recheckAtMs, operatorAt, gatewayAt);
  }

  async #storeAuthority(state: AuthorityState, mode: "create" | "apply"): Promise<void> {
    const { namespace, store } = this.#options;
    const present = store.get(SYSTEM_SECRETS.authority);
    const { resourceVersion } = present ?? {};
    const secret: SecretView = {
      namespace,
      name: SYSTEM_SECRETS.authority,
      labels: systemLabels(),
      annotations: {},
      data: encodeAuthority(state),
      ...(mode === "apply" && resourceVersion !== undefined ? { resourceVersion } : {}),
    };
    await store.write(secret, mode);
  }

  async #ensure(
    authority: AuthorityState,
    name: typeof SYSTEM_SECRETS.operator | typeof SYSTEM_SECRETS.gateway,
  ): Promise<number> {
    const { namespace, clusterUid, store, clock } = this.#options;
    const present = store.get(name);
    const identity = this.#identityOf(name);
    const leaf = decodeLeaf(present?.data, identity);
    const isGateway = name === SYSTEM_SECRETS.gateway;
    const extra: Record<string, string> = isGateway
      ? { "routing-identity": operatorIdentity(clusterUid, namespace) }
      : {};
    const renewAt = Date.parse(present?.annotations[CERTIFICATE_ANNOTATIONS.renewAt] ?? "");
    const good =
      present !== undefined &&
      leaf !== undefined &&
      fingerprint(leaf.caPem) === this.#trust?.bundle &&
      Object.entries(extra).every(([key, value]) => present.data[key] === value) &&
      present.annotations[CERTIFICATE_ANNOTATIONS.bundle] === this.#trust?.bundle &&
      present.annotations[CERTIFICATE_ANNOTATIONS.issuer] === this.#trust?.issuer &&
      clock.nowMs() < renewAt;
    if (good) return renewAt;
    const request = { namespace, secretName: name, identity, labels: systemLabels() };
    await store.write(await this.#leaf(authority, request, extra), "apply");
    return clock.nowMs() + RETRY_MS;
  }

  #identityOf(name: typeof SYSTEM_SECRETS.operator | typeof SYSTEM_SECRETS.gateway): string {
    const { namespace, clusterUid } = this.#options;
    return name === SYSTEM_SECRETS.gateway
      ? gatewayIdentity(clusterUid, namespace)
      : operatorIdentity(clusterUid, namespace);
  }

  async #leaf(
    authority: AuthorityState,
    request: Omit<CertificateRequest, "owner"> & { readonly owner?: CertificateRequest["owner"] },
    extra: Readonly<Record<string, string>>,
  ): Promise<SecretView> {
    const { policy, clock } = this.#options;
    const pair = await issueLeaf(authority.current, request.identity, policy, clock.nowMs());
    const validity = certificateValidity(pair.certificatePem);
    const bundle = trustBundle(authority);
    return {
      namespace: request.namespace,
      name: request.secretName,
      labels: request.labels,
      annotations: {
        [ANNOTATIONS.certificateExpiry]: new Date(validity.notAfterMs).toISOString(),
        [CERTIFICATE_ANNOTATIONS.renewAt]: new Date(renewAtMs(validity)).toISOString(),
        [CERTIFICATE_ANNOTATIONS.bundle]: fingerprint(bundle),
        [CERTIFICATE_ANNOTATIONS.issuer]: fingerprint(authority.current.certificatePem),
      },
      data: {
        "ca.crt": bundle,
        "tls.crt": pair.certificatePem,
        "tls.key": pair.privateKeyPem,
        ...extra,
      },
      ...(request.owner === undefined ? {} : { owner: request.owner }),
    };
  }
}

/**
 * How long to wait for `atMs`: never longer than a day (clocks are set), never so short that tiny
 * lifetimes become a busy loop.
 */
export function recheckDelayMs(atMs: number, nowMs: number): number {
  return Math.min(RECHECK_MAX_MS, Math.max(RECHECK_MIN_MS, atMs - nowMs));
}

function systemLabels(): Readonly<Record<string, string>> {
  return { [LABELS.certificate]: SYSTEM_CERTIFICATE, [LABELS.managedBy]: "oaas-operator" };
}
