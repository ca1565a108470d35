// Credentials of a kubeconfig for HTTP libraries that operators bring along. One https.Agent per
// set of credentials: a new one per request is a TLS handshake per request.

import type { RequestOptions } from "node:https";
import { Agent } from "node:https";

import type { KubeConfig } from "@kubernetes/client-node";

/** What a request needs to be let in. */
export interface RequestAuth {
  /** Value of the Authorization header for a token. */
  readonly authorization: string | undefined;
  readonly basic: { readonly username: string; readonly password: string } | undefined;
  /** Undefined where the system's defaults do. */
  readonly agent: Agent | undefined;
}

/** See the head of this file. */
export class AuthSource {
  #held: { readonly fingerprint: string; readonly agent: Agent } | undefined;

  /** Reads files and runs plugins as the kubeconfig says; rejects with their errors. */
  async current(kubeConfig: KubeConfig): Promise<RequestAuth> {
    const options: RequestOptions = {};
    await kubeConfig.applyToHTTPSOptions(options);
    const headers = options.headers as Readonly<Record<string, string | undefined>> | undefined;
    const [username = "", ...rest] = options.auth?.split(":") ?? [];
    return {
      authorization: headers?.["Authorization"],
      basic: options.auth ? { username, password: rest.join(":") } : undefined,
      agent: this.#agentFor(options),
    };
  }

  #agentFor(options: RequestOptions): Agent | undefined {
    const { ca, cert, key, rejectUnauthorized, servername } = options;
    const tls = Object.fromEntries(
      Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    if (Object.keys(tls).length === 0) return undefined;
    const fingerprint = JSON.stringify(tls);
    if (this.#held?.fingerprint !== fingerprint) {
      // Requests under way end on the old agent, which then has nothing left to hold.
      this.#held = { fingerprint, agent: new Agent({ keepAlive: true, ...tls }) };
    }
    return this.#held.agent;
  }
}
