// `/healthz`, `/readyz` and `/metrics` on one port, plaintext, for the kubelet and Prometheus.
// Alive means that the event loop keeps up; ready means that the caches are filled, on the leader
// and on standbys alike.

import type { IncomingMessage, Server, ServerResponse } from "node:http";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

/**
 * @NOTE An import of node:http, though not of the module itself, reads all its names, and one of
 * them loads a whole WebSocket and fetch: 14 MB that an operator never uses.
 */
const { createServer } = process.getBuiltinModule("node:http");

/** What is served. */
export interface HealthOptions {
  readonly host?: string;
  readonly port: number;
  /** Why it is not alive and should be restarted; undefined if it is. */
  readonly illness: () => string | undefined;
  /** Why it is not ready; empty if it is. */
  readonly problems: () => readonly string[];
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly logger: Logger;
}

/** The running server. */
export interface HealthServer {
  /** The port that was bound, where 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** Listens; rejects if the port cannot be had. */
export async function serveHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((cause: unknown) => {
      options.logger.warn("health request failed", { cause: errorMessage(cause) });
      response.destroy();
    });
  });
  await listen(server, options);
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: HealthOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? "").split("?")[0];
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "text/plain", "method not allowed\n");
  } else if (path === "/healthz") {
    const illness = options.illness();
    send(response, illness === undefined ? 200 : 500, "text/plain", `${illness ?? "ok"}\n`);
  } else if (path === "/readyz") {
    const problems = options.problems();
    const text = problems.length === 0 ? "ok\n" : `${problems.join("\n")}\n`;
    send(response, problems.length === 0 ? 200 : 503, "text/plain", text);
  } else if (path === "/metrics") {
    const { contentType, text } = await options.metrics();
    send(response, 200, contentType, text);
  } else {
    send(response, 404, "text/plain", "not found\n");
  }
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { "content-type": contentType, "cache-control": "no-store" });
  response.end(text);
}

function listen(server: Server, options: HealthOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host ?? "0.0.0.0", () => {
      server.off("error", reject);
      resolve();
    });
  });
}
