// What the gateway exports. Labels are bounded: paths by template, classes and functions only as
// far as they were found in the table.
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

import { MethodSchema } from "#api/gen/oaas-stream_pb.ts";
import type { CallFault } from "#workloads/core/rest/index.ts";
import { GrpcCode } from "#workloads/core/rest/index.ts";

import type { Caller, CallSink, GatewayCall } from "./calls/call.ts";

const SECONDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Values that are asked for when somebody scrapes. */
export interface GaugeSources {
  readonly connections: () => number;
  readonly classes: () => number;
  readonly links: () => number;
}

/** See the head of the file. */
export class GatewayMetrics {
  readonly registry = new Registry();
  readonly retries: Counter;
  readonly operatorPresent: Gauge;
  readonly #requests: Counter;
  readonly #requestSeconds: Histogram;
  readonly #errors: Counter;
  readonly #grpc: Counter;
  readonly #grpcSeconds: Histogram;
  readonly #calls: Counter;
  readonly #callSeconds: Histogram;

  constructor() {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.#requests = new Counter({
      name: "http_requests_total",
      help: "REST requests answered",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#requestSeconds = new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from the head of a REST request to its response",
      labelNames: ["method", "route"],
      buckets: SECONDS,
      registers,
    });
    this.#errors = new Counter({
      name: "http_errors_total",
      help: "REST requests answered with a status of 500 or more",
      labelNames: ["method", "route", "status"],
      registers,
    });
    this.#grpc = new Counter({
      name: "grpc_server_handled_total",
      help: "gRPC calls answered",
      labelNames: ["path", "code"],
      registers,
    });
    this.#grpcSeconds = new Histogram({
      name: "grpc_server_handling_seconds",
      help: "Time of a gRPC call",
      labelNames: ["path"],
      buckets: SECONDS,
      registers,
    });
    this.#calls = new Counter({
      name: "oaas_gateway_calls_total",
      help: "Calls of the data service and of functions, by class",
      labelNames: ["class", "function", "method", "code"],
      registers,
    });
    this.#callSeconds = new Histogram({
      name: "oaas_gateway_call_duration_seconds",
      help: "Time of a call from routing to its last reply",
      labelNames: ["class", "function", "method"],
      buckets: SECONDS,
      registers,
    });
    this.retries = new Counter({
      name: "oaas_gateway_retries_total",
      help: "Further attempts of calls",
      registers,
    });
    this.operatorPresent = new Gauge({
      name: "oaas_gateway_operator_present",
      help: "1 while the operator's routes are watched and complete",
      registers,
    });
  }

  /** Adds the gauges that are read at a scrape. */
  watch(sources: GaugeSources): void {
    const registers = [this.registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge("http_active_connections", "Open client connections", sources.connections);
    gauge("oaas_gateway_classes", "Classes in the routing table", sources.classes);
    gauge("oaas_gateway_links", "Links to members", sources.links);
  }

  /** One REST response. */
  rest(seen: {
    readonly method: string;
    readonly template: string;
    readonly status: number;
    readonly seconds: number;
  }): void {
    const labels = { method: boundedMethod(seen.method), route: seen.template };
    this.#requests.inc({ ...labels, status: seen.status });
    this.#requestSeconds.observe(labels, seen.seconds);
    if (seen.status >= 500) this.#errors.inc({ ...labels, status: seen.status });
  }

  /** One gRPC call; unknown paths count together. */
  grpc(seen: { readonly path: string; readonly code: number; readonly seconds: number }): void {
    const path = seen.code === GrpcCode.unimplemented ? "unknown" : seen.path;
    this.#grpc.inc({ path, code: seen.code });
    this.#grpcSeconds.observe({ path }, seen.seconds);
  }

  /** One call that ended; code 0 = OK. */
  call(call: GatewayCall, fault: CallFault | undefined, seconds: number): void {
    const reason = fault?.reason ?? "";
    const known = reason !== "NO_CLASS" && reason !== "NO_ROUTES";
    const labels = {
      class: known ? call.cls : "unknown",
      function: known && reason !== "NO_FUNCTION" ? call.fn : "unknown",
      method: METHOD_NAMES.get(call.method) ?? "unknown",
    };
    this.#calls.inc({ ...labels, code: fault?.code ?? GrpcCode.ok });
    this.#callSeconds.observe(labels, seconds);
  }
}

const METHOD_NAMES: ReadonlyMap<number, string> = new Map(
  MethodSchema.values.map((value) => [value.number, value.localName]),
);

const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"]);

function boundedMethod(method: string): string {
  return METHODS.has(method) ? method : "other";
}

/** A caller that counts what goes through it. */
export class MeteredCaller implements Caller {
  readonly #caller: Caller;
  readonly #metrics: GatewayMetrics;

  constructor(caller: Caller, metrics: GatewayMetrics) {
    this.#caller = caller;
    this.#metrics = metrics;
  }

  call(call: GatewayCall, sink: CallSink): () => void {
    const startedMs = performance.now();
    const note = (fault: CallFault | undefined): void =>
      this.#metrics.call(call, fault, (performance.now() - startedMs) / 1000);
    return this.#caller.call(call, {
      reply: (response, more, about) => {
        if (!more) note(undefined);
        sink.reply(response, more, about);
      },
      fail: (fault) => {
        note(fault);
        sink.fail(fault);
      },
    });
  }
}
