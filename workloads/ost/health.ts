// HTTP for the kubelet, the operator and Prometheus: /healthz, /readyz, /status, /metrics, /closed.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import type { Logger } from "#api/base/index.ts";
import { errorMessage } from "#api/base/index.ts";
import type { OstEndpoint, OstStatus } from "#api/workload/ost.ts";
import { ostHealthPaths } from "#api/workload/ost.ts";

import type { Intake } from "./intake.ts";
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
  /** Undefined unless the disk is open. */
  readonly intake: () => Intake | undefined;
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
  const { code, type, body } = await answerTo(options, request);
  response.writeHead(code, { "content-type": type }).end(body);
}

async function answerTo(options: HealthOptions, request: IncomingMessage): Promise<Answer> {
  const { method = "", url = "" } = request;
  const [path = "", query = ""] = url.split("?", 2);
  if (path === ostHealthPaths.closed) return closed(options, method, new URLSearchParams(query));
  if (method === "GET" || method === "HEAD") return page(options, path);
  return text(405, "method not allowed");
}

/** As long as a uid and a time. */
const HOLDER = /^[\w:.@-]{1,100}$/;

/** See {@link ostHealthPaths}. */
async function closed(
  { intake: find, logger }: HealthOptions,
  method: string,
  query: URLSearchParams,
): Promise<Answer> {
  if (method !== "PUT" && method !== "DELETE") return text(405, "PUT or DELETE");
  const holder = query.get("for") ?? "";
  if (!HOLDER.test(holder)) return text(400, "?for= does not say for whose end");
  const intake = find();
  if (intake === undefined) return text(503, "the disk is not open");
  if (method === "PUT") {
    await intake.close(holder);
    logger.warn("takes no new objects from now on", { closedFor: holder });
  } else {
    const { closedFor } = intake;
    if (!(await intake.open(holder))) return text(409, `closed for ${intake.closedFor ?? ""}`);
    if (closedFor !== undefined) logger.info("takes new objects again", { closedFor });
  }
  return { code: 204, type: "text/plain", body: "" };
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
