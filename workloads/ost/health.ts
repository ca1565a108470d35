// HTTP for the kubelet, the operator and Prometheus: /healthz, /readyz, /status, /metrics.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { OstEndpoint, OstStatus } from "#api/workload/ost.ts";
import { ostHealthPaths } from "#api/workload/ost.ts";

import type { OstMetrics } from "./metrics.ts";

/** Where to listen, and whom to ask. */
export interface HealthOptions {
  readonly listen: OstEndpoint;
  readonly metrics: OstMetrics;
  readonly logger: Logger;
  /** Undefined when connections and writes are taken, else why not. */
  readonly notReady: () => string | undefined;
  /** Undefined before the disk is open. */
  readonly status: () => Promise<OstStatus | undefined>;
}

/** Something that listens until it is closed. */
export interface HealthServer {
  /** Also if port 0 was asked for. */
  readonly port: number;
  close(): Promise<void>;
}

/** Listens; throws what the system says if it cannot. */
export async function startHealth(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((cause: unknown) => {
      options.logger.error("health request failed", { error: errorMessage(cause) });
      response.destroy();
    });
  });
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
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly code: number;
  readonly type: string;
  readonly body: string;
}

const text = (code: number, body: string): Answer => ({
  code,
  type: "text/plain",
  body: `${body}\n`,
});

async function answer(
  options: HealthOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { code, type, body } =
    request.method === "GET" || request.method === "HEAD"
      ? await page(options, request.url?.split("?", 1)[0] ?? "")
      : text(405, "method not allowed");
  response.writeHead(code, { "content-type": type }).end(body);
}

async function page(options: HealthOptions, path: string): Promise<Answer> {
  switch (path) {
    case ostHealthPaths.live:
      return text(200, "ok");
    case ostHealthPaths.ready: {
      const problem = options.notReady();
      return problem === undefined ? text(200, "ready") : text(503, problem);
    }
    case ostHealthPaths.status: {
      const status = await options.status();
      if (status === undefined) return text(503, "the disk is not open yet");
      return { code: 200, type: "application/json", body: `${JSON.stringify(status)}\n` };
    }
    case ostHealthPaths.metrics: {
      const { registry } = options.metrics;
      return { code: 200, type: registry.contentType, body: await registry.metrics() };
    }
    default:
      return text(404, "not found");
  }
}
