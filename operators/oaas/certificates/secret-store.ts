// The keeper's Secrets in Kubernetes: read from an informer of the operator's own namespace,
// written by server-side apply.
import type { Secret } from "kubernetes-types/core/v1.js";

import { FIELD_MANAGERS } from "#api/meta/index.ts";
import type { Client, Live } from "#controllers/runtime/index.ts";
import { ApiError, KINDS } from "#controllers/runtime/index.ts";

import type { SecretStore, SecretView } from "./keeper.ts";
import { SecretChangedError } from "./keeper.ts";

function encode(data: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
}

function decode(data: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(data ?? {}).map(([key, value]) => [
      key,
      Buffer.from(value, "base64").toString(),
    ]),
  );
}

/** A live Secret as the keeper sees it. */
export function secretView(secret: Live<Secret>): SecretView {
  return {
    namespace: secret.metadata.namespace ?? "",
    name: secret.metadata.name,
    labels: secret.metadata.labels ?? {},
    annotations: secret.metadata.annotations ?? {},
    data: decode(secret.data),
    resourceVersion: secret.metadata.resourceVersion,
  };
}

/** Secrets through the API server. `cached` looks into the informer of the own namespace. */
export class KubeSecretStore implements SecretStore {
  readonly #client: Client;
  readonly #cached: (name: string) => Live<Secret> | undefined;

  constructor(client: Client, cached: (name: string) => Live<Secret> | undefined) {
    this.#client = client;
    this.#cached = cached;
  }

  get(name: string): SecretView | undefined {
    const found = this.#cached(name);
    return found === undefined ? undefined : secretView(found);
  }

  async write(secret: SecretView, mode: "create" | "apply"): Promise<void> {
    const { owner, resourceVersion } = secret;
    const object = {
      apiVersion: "v1",
      kind: "Secret",
      type: "kubernetes.io/tls",
      metadata: {
        name: secret.name,
        namespace: secret.namespace,
        labels: { ...secret.labels },
        annotations: { ...secret.annotations },
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
        ...(owner === undefined ? {} : { ownerReferences: [{ ...owner, controller: true }] }),
      },
      data: encode(secret.data),
    };
    const fieldManager = FIELD_MANAGERS.certificates;
    try {
      if (mode === "create") await this.#client.create(KINDS.Secret, object, { fieldManager });
      else await this.#client.apply(KINDS.Secret, object, { fieldManager });
    } catch (cause) {
      if (!(cause instanceof ApiError) || cause.status !== 409) throw cause;
      throw new SecretChangedError(`Secret ${secret.name} was changed meanwhile`, { cause });
    }
  }
}
