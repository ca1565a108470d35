// client-node's KubeConfig, for the API clients that operators make of it. The original opens a
// connection of its own for every request wherever a CA or a certificate is given, which is a TLS
// handshake per request on both sides; here requests share one dispatcher until the credentials of
// the connection change.

import type { AgentOptions, RequestOptions } from "node:https";

import type { RequestContext } from "@kubernetes/client-node";
import { KubeConfig } from "@kubernetes/client-node";
import type { buildConnector } from "undici";
import { Agent } from "undici";

/** See the head of this file. Behind a proxy it is the original. */
export class SharingKubeConfig extends KubeConfig {
  #shared: { readonly fingerprint: string; readonly dispatcher: Agent } | undefined;

  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    const cluster = this.getCurrentCluster();
    if (cluster?.proxyUrl !== undefined) return super.applySecurityAuthentication(context);
    const options: RequestOptions = {};
    await this.applyToHTTPSOptions(options);
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      context.setHeaderParam(name, String(value));
    }
    if (options.auth) {
      const basic = Buffer.from(options.auth).toString("base64");
      context.setHeaderParam("Authorization", `Basic ${basic}`);
    }
    // What is read here (ca, cert, key, servername ...) means the same in both types.
    const wanted = this.createDispatcherOptions(cluster, options as AgentOptions);
    if (wanted.type === "agent") context.setDispatcher(this.#dispatcherFor(wanted.connect));
  }

  #dispatcherFor(connect: object): Agent {
    const fingerprint = JSON.stringify(connect);
    if (this.#shared?.fingerprint !== fingerprint) {
      // Requests under way end on the old one; if it fails while closing, there is nothing to lose.
      this.#shared?.dispatcher.close().catch(() => undefined);
      // As many connections as there are requests: some may be watches, which never end.
      // client-node's own `connect`, whose type says `undefined` where undici's says absent.
      const dispatcher = new Agent({ connect: connect as buildConnector.BuildOptions });
      this.#shared = { fingerprint, dispatcher };
    }
    return this.#shared.dispatcher;
  }
}
