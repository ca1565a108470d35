// The health and metrics port of every workload: /healthz, /readyz, /metrics over plain HTTP.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Registry } from "prom-client";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";

/** What the port answers. A check answers undefined when well, else the reason. */
export interface HealthServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly registry: Registry;
  readonly log: Logger;
  /** Is the process itself all right? Absent = yes. */
  readonly live?: () => string | undefined;
  /** Does it serve its ports? Absent = as `live`. */
  readonly ready?: () => string | undefined;
}

/** A server that listens. */
export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens, or throws the system's error (EADDRINUSE and so on). Port 0 picks a free one. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((cause: unknown) => {
      options.log.error("health request failed", { error: errorMessage(cause) });
      response.destroy();
    });
  });
  server.keepAliveTimeout = 5000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.listen.port, options.listen.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: HealthServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "method not allowed\n");
    return;
  }
  switch (request.url?.split("?", 1)[0]) {
    case "/health":
    case "/healthz":
      sendCheck(response, options.live?.(), "ok");
      return;
    case "/readyz":
      sendCheck(response, (options.ready ?? options.live)?.(), "ready");
      return;
    case "/metrics":
      response.setHeader("content-type", options.registry.contentType);
      send(response, 200, await options.registry.metrics());
      return;
    default:
      send(response, 404, "not found\n");
  }
}

function sendCheck(response: ServerResponse, problem: string | undefined, well: string): void {
  if (problem === undefined) send(response, 200, well);
  else send(response, 503, `${problem}\n`);
}

function send(response: ServerResponse, status: number, body: string): void {
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "text/plain");
  response.statusCode = status;
  response.end(body);
}
