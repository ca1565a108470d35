import { context, propagation, SpanStatusCode, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterEach, describe, expect, it } from "@jest/globals";

import { inShop, WIDGET, widget, widgetWorld } from "../testing/widgets.ts";
import { traced, traceHeaders } from "./tracing.ts";

afterEach(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

function listen(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator({
    inject: (active, carrier, setter) => {
      setter.set(carrier, "traceparent", trace.getSpanContext(active)?.traceId ?? "");
    },
    extract: (active) => active,
    fields: () => ["traceparent"],
  });
  return exporter;
}

const named = (spans: readonly ReadableSpan[], name: string): readonly ReadableSpan[] =>
  spans.filter((span) => span.name === name);

describe("spans", () => {
  it("cover each pass and, as its children, each of its calls", async () => {
    const exporter = listen();
    const world = widgetWorld();
    const { stop } = world.start();
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(2_000);
    expect(world.server.read(WIDGET, inShop("w"))?.status?.text).toBe("a");
    const spans = exporter.getFinishedSpans();
    const [pass] = named(spans, "reconcile widget");
    expect(pass?.attributes).toMatchObject({
      "k8s.controller": "widget",
      "k8s.namespace.name": "shop",
      "k8s.object.name": "w",
    });
    const traceId = pass?.spanContext().traceId;
    const [call] = named(spans, "PATCH configmaps");
    expect(call?.spanContext().traceId).toBe(traceId);
    expect(call?.parentSpanContext?.spanId).toBe(pass?.spanContext().spanId);
    expect(call?.attributes).toMatchObject({
      "http.request.method": "PATCH",
      "http.response.status_code": 201,
      "server.address": "fake",
      "url.path": "/api/v1/namespaces/shop/configmaps/w-map",
    });
    const [watch] = named(spans, "WATCH widgets");
    expect(watch?.attributes["http.response.status_code"]).toBe(200);
    expect(watch?.parentSpanContext).toBeUndefined();
    expect(named(spans, "PATCH widgets/status")[0]?.spanContext().traceId).toBe(traceId);
    await stop();
  });

  it("tell of repeated requests and of failures", async () => {
    const exporter = listen();
    const world = widgetWorld();
    const { stop } = world.start();
    await world.clock.advance(1_000);
    let refusals = 1;
    world.server.intercept = (request) =>
      request.path.includes("configmaps") && request.method === "PATCH"
        ? refusals-- > 0
          ? { kind: "answer", status: 429 }
          : { kind: "answer", status: 403 }
        : undefined;
    world.server.userApply(WIDGET, widget("w", { text: "a" }));
    await world.clock.advance(3_000);
    const [call] = named(exporter.getFinishedSpans(), "PATCH configmaps");
    expect(call?.attributes).toMatchObject({ "http.request.resend_count": 1 });
    expect(call?.attributes["http.response.status_code"]).toBe(403);
    expect(call?.status.code).toBe(SpanStatusCode.ERROR);
    await stop();
  });

  it("go on in the API server", async () => {
    listen();
    expect(
      await traced({ name: () => "x", kind: "Internal", attributes: () => ({}) }, async (span) => {
        await Promise.resolve();
        return traceHeaders()["traceparent"] === span?.spanContext().traceId;
      }),
    ).toBe(true);
  });

  it("are not made, nor their attributes, where nobody listens", async () => {
    let asked = 0;
    const attributes = () => {
      asked++;
      return {};
    };
    const span = await traced({ name: () => "x", kind: "Internal", attributes }, (made) =>
      Promise.resolve(made),
    );
    expect([span, asked, traceHeaders()]).toEqual([undefined, 0, {}]);
  });
});
