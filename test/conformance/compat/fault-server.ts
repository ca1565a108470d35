// A kube-apiserver on loopback for programs that only know a kubeconfig: the fake one of
// controllers/runtime/testing behind real TLS, with faults of real connections on demand.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { KindId } from "#api/meta/index.ts";
import { apiVersionOf } from "#api/meta/index.ts";
import type { ApiRequest } from "#controllers/runtime/index.ts";
import { defineKind } from "#controllers/runtime/index.ts";
import { FakeApiServer } from "#controllers/runtime/testing/fake-api-server.ts";
import { FakeClock } from "#controllers/runtime/testing/fake-clock.ts";
import { makeServerCertificate } from "./server-certificate.ts";

/** The kind that sample operators serve. */
export const WIDGET = defineKind<{ readonly spec?: object; readonly status?: object }>({
  group: "example.io",
  version: "v1",
  kind: "Widget",
  plural: "widgets",
  namespaced: true,
});

/** CustomResourceDefinitions, stored and given back without being understood. */
export const CRD = defineKind<{ readonly spec: object }>({
  group: "apiextensions.k8s.io",
  version: "v1",
  kind: "CustomResourceDefinition",
  plural: "customresourcedefinitions",
  namespaced: false,
});

const KINDS: readonly KindId[] = [WIDGET, CRD];
const TOKEN = "sample-token";

/** One request as it came. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly atMs: number;
}

/** An answer instead of the server's own. */
export interface Refusal {
  readonly status: number;
  readonly retryAfterSeconds?: number;
}

/** See the head of this file. */
export class FaultServer {
  readonly api = new FakeApiServer({ clock: new FakeClock(), kinds: KINDS });
  readonly requests: SeenRequest[] = [];
  readonly kubeconfigPath: string;
  /** TLS handshakes so far. */
  handshakes = 0;
  /** Asked before every request; undefined lets it through. May change the cluster meanwhile. */
  intercept: (request: SeenRequest) => Refusal | undefined = () => undefined;
  /** False: the CRD is not there yet. */
  isServed = true;
  /** Of files that belong to this server. */
  readonly folder: string;
  readonly #server: Server;
  readonly #watches = new Set<ServerResponse>();
  readonly #connections = new Map<number, Socket>();

  private constructor(folder: string, server: Server) {
    this.folder = folder;
    this.#server = server;
    this.kubeconfigPath = join(folder, "kubeconfig");
  }

  /**
   * Listens on a port of its own. With `verified: false` the kubeconfig has no CA and says that
   * certificates are not to be verified.
   */
  static async open(options: { readonly verified?: boolean } = {}): Promise<FaultServer> {
    const folder = await mkdtemp(join(tmpdir(), "fault-server-"));
    const { key, certificate } = await makeServerCertificate();
    const server = createServer({ key, cert: certificate });
    const self = new FaultServer(folder, server);
    server.on("connection", (socket: Socket) => {
      self.#connections.set(socket.remotePort ?? 0, socket);
      socket.on("error", () => undefined);
    });
    server.on("secureConnection", () => self.handshakes++);
    server.on("request", (request, response) => void self.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const trust =
      options.verified === false
        ? { "insecure-skip-tls-verify": true }
        : { "certificate-authority-data": Buffer.from(certificate).toString("base64") };
    const text = kubeconfig({ server: `https://127.0.0.1:${port}`, ...trust });
    await writeFile(self.kubeconfigPath, text);
    return self;
  }

  async close(): Promise<void> {
    // Closing breaks what is open, and a watch that breaks is a fault: here nothing shall fail.
    this.api.endWatches();
    await this.api.close();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.folder, { recursive: true });
  }

  /** Watches that are open now. */
  get openWatches(): number {
    return this.#watches.size;
  }

  /** Watches that were asked for so far. */
  get watchRequests(): readonly SeenRequest[] {
    return this.requests.filter((one) => one.query["watch"] === "true");
  }

  /** The connection of every open watch is reset. */
  resetWatches(): void {
    for (const { socket } of this.#watches) {
      // The raw connection under the TLS one: only it can be reset.
      this.#connections.get(socket?.remotePort ?? 0)?.resetAndDestroy();
    }
  }

  /** The server ends every open watch, as it does every few minutes. */
  endWatches(): void {
    this.api.endWatches();
  }

  /** Puts a line into every open watch. */
  sendLine(line: object): void {
    for (const response of this.#watches) response.write(`${JSON.stringify(line)}\n`);
  }

  /** A user's `kubectl apply`. */
  apply(name: string, spec: object, namespace = "default"): void {
    const metadata = { name, namespace };
    const object = { apiVersion: apiVersionOf(WIDGET), kind: WIDGET.kind, metadata, spec };
    this.api.userApply(WIDGET, object);
  }

  /** A user's `kubectl delete`. */
  delete(name: string, namespace = "default"): void {
    this.api.userDelete(WIDGET, { name, namespace });
  }

  /** The widget as it is now. */
  read(name: string, namespace = "default"): ReturnType<typeof this.api.read<WidgetObject>> {
    return this.api.read<WidgetObject>(WIDGET, { name, namespace });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "https://server");
    const query = Object.fromEntries(url.searchParams);
    const seen = { method: request.method ?? "", path: url.pathname, query, atMs: Date.now() };
    this.requests.push(seen);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const refusal = this.#refuse(request, seen);
    if (refusal !== undefined) {
      answer(response, refusal.status, statusOf(refusal.status), refusal.retryAfterSeconds);
      return;
    }
    if (/^\/apis?(\/[^/]+)?\/[^/]+$/.test(url.pathname)) {
      answer(response, 200, discoveryOf(url.pathname));
      return;
    }
    const text = Buffer.concat(chunks).toString("utf8");
    const { accept, "content-type": contentType } = request.headers;
    const asked: ApiRequest = {
      method: seen.method as ApiRequest["method"],
      path: url.pathname,
      query,
      ...(text === "" ? {} : { body: JSON.parse(text) as unknown }),
      ...(accept === undefined ? {} : { accept }),
      ...(contentType === undefined ? {} : { contentType: contentType.split(";")[0] ?? "" }),
    };
    if (query["watch"] === "true") {
      await this.#watch(asked, response);
      return;
    }
    const { status, body } = await this.api.request(asked);
    answer(response, status, body);
  }

  #refuse(request: IncomingMessage, seen: SeenRequest): Refusal | undefined {
    if (request.headers.authorization !== `Bearer ${TOKEN}`) return { status: 401 };
    if (!this.isServed && seen.path.startsWith("/apis/example.io/")) return { status: 404 };
    return this.intercept(seen);
  }

  async #watch(request: ApiRequest, response: ServerResponse): Promise<void> {
    const watch = await this.api.watch(request);
    response.on("close", () => {
      this.#watches.delete(response);
      watch.close();
    });
    if (watch.status !== 200) {
      answer(response, watch.status, watch.body);
      return;
    }
    this.#watches.add(response);
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    for await (const { type, object } of watch.events) {
      response.write(`${JSON.stringify({ type, object })}\n`);
    }
    response.end();
  }
}

/** A widget as tests look at it. */
export interface WidgetObject {
  readonly spec?: object;
  readonly status?: { readonly text?: string; readonly seen?: number };
}

function answer(
  response: ServerResponse,
  status: number,
  body: unknown,
  retryAfterSeconds?: number,
): void {
  response.writeHead(status, {
    "content-type": "application/json",
    ...(retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) }),
  });
  response.end(JSON.stringify(body));
}

function statusOf(code: number): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code, message: "injected" };
}

function discoveryOf(path: string): object {
  const groupVersion = path.replace(/^\/apis?\//, "");
  const resources = KINDS.filter((kind) => apiVersionOf(kind) === groupVersion);
  return {
    kind: "APIResourceList",
    groupVersion,
    resources: resources.map(({ plural, kind, namespaced }) => ({
      name: plural,
      kind,
      namespaced,
    })),
  };
}

function kubeconfig(cluster: object): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "faulty", cluster }],
    users: [{ name: "sample", user: { token: TOKEN } }],
    contexts: [{ name: "faulty", context: { cluster: "faulty", user: "sample" } }],
    "current-context": "faulty",
  });
}
