// Spans of OpenTelemetry for passes and API calls, through the API package alone: whoever runs the
// operator brings an SDK and registers its provider, or does not, and then nothing is made and
// nothing is measured. Spans of calls are children of their pass where the SDK also registers a
// context manager.

import type { Attributes, Span, Tracer } from "@opentelemetry/api";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

import { errorMessage } from "#api/base/index.ts";

const NAME = "oaas-operator/runtime";

/** One span. Name and attributes are asked for only if somebody listens. */
export interface SpanOptions {
  readonly name: () => string;
  readonly kind: "Internal" | "Client";
  readonly attributes: () => Attributes;
}

/**
 * Runs `run` inside a span that ends with it; a rejection is recorded and marks the span as failed.
 * Without a registered provider it is a plain call with `undefined`.
 */
export function traced<T>(
  options: SpanOptions,
  run: (span: Span | undefined) => Promise<T>,
): Promise<T> {
  const tracer = activeTracer();
  if (tracer === undefined) return run(undefined);
  const kind = options.kind === "Client" ? SpanKind.CLIENT : SpanKind.INTERNAL;
  const attributes = options.attributes();
  return tracer.startActiveSpan(options.name(), { kind, attributes }, async (span) => {
    try {
      return await run(span);
    } catch (cause) {
      if (cause instanceof Error) span.recordException(cause);
      span.setStatus({ code: SpanStatusCode.ERROR, message: errorMessage(cause) });
      throw cause;
    } finally {
      span.end();
    }
  });
}

/** Headers that carry the present span to the API server, which can trace as well. */
export function traceHeaders(): Readonly<Record<string, string>> {
  if (activeTracer() === undefined) return NONE;
  const headers: Record<string, string> = {};
  propagation.inject(context.active(), headers);
  return headers;
}

const NONE: Readonly<Record<string, string>> = {};

/** The API's proxy says whether there is somebody behind it. */
interface ProxyProvider {
  getDelegateTracer?(name: string): Tracer | undefined;
}

/** The tracer of the registered provider, if there is one. Not kept: a test may register anew. */
function activeTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  const proxy = provider as ProxyProvider;
  return proxy.getDelegateTracer === undefined
    ? provider.getTracer(NAME)
    : proxy.getDelegateTracer(NAME);
}
