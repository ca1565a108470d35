// The REST edge: a request becomes one call of the data service or of a function, its answer
// becomes a response. What a path, header, query or body means is decided by workloads/core/rest;
// here they are only put together.
import { randomUUID } from "node:crypto";

import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import { assertNever, errorMessage } from "#api/base/index.ts";
import { Method } from "#api/gen/oaas-stream_pb.ts";
import {
  InvocationRequestSchema,
  InvocationResponseSchema,
  ObjectInvocationRequestSchema,
} from "#api/gen/oprc-invoke_pb.ts";
import type { CallHeaders } from "#workloads/core/demand/index.ts";
import { readCallHeaders, SESSION_HEADER } from "#workloads/core/demand/index.ts";
import type { CallFault, RestFault, RestRoute } from "#workloads/core/rest/index.ts";
import {
  INVOCATION_HEADER,
  isHeaderValue,
  matchRoute,
  optionsFromHeaders,
  parseTimeoutMs,
  payloadContentType,
  renderFault,
  REPEATED_HEADER,
  restFault,
  restFromCall,
  restFromResponseStatus,
  resultHeaders,
  STATUS_HEADER,
} from "#workloads/core/rest/index.ts";

import type { Caller, ReplyAbout } from "../calls/call.ts";
import type { Exchange } from "./exchange.ts";

/** What the REST edge works with. */
export interface RestOptions {
  readonly caller: Caller;
  readonly maxPayloadBytes: number;
  /** undefined = ready, else why not. */
  readonly ready: () => string | undefined;
  /** Told of every response. */
  readonly onResponse?: (seen: {
    readonly method: string;
    readonly template: string;
    readonly status: number;
    readonly seconds: number;
  }) => void;
}

/** A route of the API, as opposed to health. */
export type ApiRoute = Exclude<RestRoute, { readonly kind: "health" | "ready" }>;

type Headers = Readonly<Record<string, string>>;

const TEXT = { "content-type": "text/plain; charset=utf-8" };
const JSON_TYPE = { "content-type": "application/json" };
const NO_HEADERS: Headers = {};

/** The value of a header that must occur once. */
export function headerOf(exchange: Exchange, name: string): string | undefined {
  const value = exchange.headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** One request on its way; knows how to end it. */
export class RestCall {
  readonly exchange: Exchange;
  readonly options: RestOptions;
  /** undefined = the caller said nothing. */
  readonly timeoutMs: number | undefined;
  readonly template: string;
  /** What the caller says beside the request. */
  readonly headers: CallHeaders | undefined;
  readonly #startedMs = performance.now();
  #about: ReplyAbout | undefined;

  constructor(
    exchange: Exchange,
    options: RestOptions,
    about: {
      readonly template: string;
      readonly timeoutMs: number | undefined;
      readonly headers: CallHeaders | undefined;
    },
  ) {
    this.exchange = exchange;
    this.options = options;
    this.template = about.template;
    this.timeoutMs = about.timeoutMs;
    this.headers = about.headers;
  }

  respond(status: number, headers: Headers = NO_HEADERS, body?: Uint8Array): void {
    this.exchange.respond(status, { ...headers, ...aboutHeaders(this.#about) }, body);
    this.options.onResponse?.({
      method: this.exchange.method,
      template: this.template,
      status,
      seconds: (performance.now() - this.#startedMs) / 1000,
    });
  }

  text(status: number, text: string): void {
    this.respond(status, TEXT, Buffer.from(text));
  }

  json(text: string, headers: Headers = NO_HEADERS): void {
    this.respond(200, { ...JSON_TYPE, ...headers }, Buffer.from(text));
  }

  fault(fault: RestFault): void {
    const headers = {
      ...JSON_TYPE,
      ...(fault.allow === undefined ? {} : { allow: fault.allow }),
      ...(fault.retryAfterSeconds === undefined
        ? {}
        : { "retry-after": String(fault.retryAfterSeconds) }),
    };
    this.respond(fault.status, headers, Buffer.from(renderFault(fault)));
  }

  /** Reads the body; answers 413 itself. */
  withBody(use: (body: Buffer) => void): void {
    const limit = this.options.maxPayloadBytes;
    this.exchange.readBody(limit, (result) => {
      switch (result.kind) {
        case "body":
          use(result.bytes);
          return;
        case "too-large":
          this.fault(restFault(413, "PAYLOAD_TOO_LARGE", `the body is over ${limit} bytes`));
          return;
        case "gone":
          return;
        default:
          assertNever(result);
      }
    });
  }

  /**
   * One call of the data service. `done` gets all responses, decoded; a failure is answered as the
   * tables say, unless `failed` answers itself (true).
   */
  call<In extends DescMessage, Out extends DescMessage>(
    what: {
      readonly method: Method;
      readonly route: ApiRoute;
      readonly fn?: string;
      readonly input: In;
      readonly request: MessageInitShape<In>;
      readonly output: Out;
      readonly failed?: (fault: CallFault) => boolean;
    },
    done: (responses: readonly MessageShape<Out>[]) => void,
  ): void {
    const { method, route, input, output, failed } = what;
    const responses: MessageShape<Out>[] = [];
    const streaming = method === Method.LIST_OBJECTS || method === Method.LIST_VALUES;
    let cancel = (): void => undefined;
    cancel = this.options.caller.call(
      {
        method,
        cls: route.scope.cls,
        partition: route.scope.partition,
        zeroIsNone: false,
        object: "object" in route ? route.object : "",
        fn: what.fn ?? "",
        request: toBinary(input, create(input, what.request)),
        timeoutMs: this.timeoutMs,
        headers: this.headers,
      },
      {
        reply: (response, more, said) => {
          this.#about = said;
          try {
            if (!streaming || response.length > 0) responses.push(fromBinary(output, response));
          } catch (cause: unknown) {
            cancel();
            const message = `the answer is no ${output.typeName}: ${errorMessage(cause)}`;
            this.fault(restFault(502, "DECODE_ERROR", message));
            return;
          }
          if (!more) done(responses);
        },
        fail: (fault) => {
          if (failed?.(fault) !== true) this.fault(restFromCall(fault));
        },
      },
    );
    this.exchange.onGone(() => cancel());
  }
}

/** Starts to serve a request. */
export function serveRest(
  exchange: Exchange,
  options: RestOptions,
  serveObjects: (call: RestCall, route: ApiRoute) => void,
): void {
  const match = matchRoute(exchange.method, exchange.path);
  const template = match.kind === "route" ? match.route.template : match.template;
  const wish = parseTimeoutMs(exchange.headers);
  const timeoutMs = wish.kind === "ok" ? wish.timeoutMs : undefined;
  const said = readCallHeaders((name) => headerOf(exchange, name));
  const headers = said.kind === "ok" ? said.headers : undefined;
  const call = new RestCall(exchange, options, { template, timeoutMs, headers });
  if (match.kind === "fault") {
    call.fault(match.fault);
    return;
  }
  const { route } = match;
  if (route.kind === "health") {
    call.text(200, "ok");
    return;
  }
  if (route.kind === "ready") {
    const problem = options.ready();
    call.text(problem === undefined ? 200 : 503, problem ?? "ready");
    return;
  }
  if (wish.kind === "malformed") {
    call.fault(
      restFault(400, "INVALID_TIMEOUT", "x-oprc-timeout-ms must be a number of at least 1"),
    );
    return;
  }
  if (said.kind === "invalid") {
    call.fault(restFault(400, said.reason, said.message));
    return;
  }
  if (route.kind === "invoke-class" || route.kind === "invoke-object") serveInvoke(call, route);
  else serveObjects(call, route);
}

function aboutHeaders(about: ReplyAbout | undefined): Headers {
  if (about === undefined) return NO_HEADERS;
  const { sessionToken, repeated } = about;
  return {
    ...(sessionToken === undefined ? {} : { [SESSION_HEADER]: sessionToken }),
    ...(repeated === true ? { [REPEATED_HEADER]: "true" } : {}),
  };
}

function serveInvoke(
  call: RestCall,
  route: Extract<ApiRoute, { readonly kind: "invoke-class" | "invoke-object" }>,
): void {
  call.withBody((payload) => {
    const request = {
      partitionId: route.scope.partition ?? 0,
      clsId: route.scope.cls,
      fnId: route.fn,
      options: optionsFromHeaders(call.exchange.headers),
      payload,
    };
    if (route.kind === "invoke-class") {
      call.call(
        {
          method: Method.INVOKE_FN,
          route,
          fn: route.fn,
          input: InvocationRequestSchema,
          request,
          output: InvocationResponseSchema,
        },
        ([response]) => answerInvocation(call, response),
      );
      return;
    }
    call.call(
      {
        method: Method.INVOKE_OBJ,
        route,
        fn: route.fn,
        input: ObjectInvocationRequestSchema,
        request: { ...request, objectId: route.object },
        output: InvocationResponseSchema,
      },
      ([response]) => answerInvocation(call, response),
    );
  });
}

/** A function's answer: its payload under the status that its ResponseStatus stands for. */
function answerInvocation(
  call: RestCall,
  response: MessageShape<typeof InvocationResponseSchema> | undefined,
): void {
  if (response === undefined) {
    call.fault(restFault(502, "DECODE_ERROR", "the function gave no answer"));
    return;
  }
  const { status, code } = restFromResponseStatus(response.status);
  const payload = response.payload ?? new Uint8Array(0);
  const named = response.invocationId !== "" && isHeaderValue(response.invocationId);
  const id = named ? response.invocationId : randomUUID();
  if (status !== 200 && payload.length === 0) {
    const message = `the function answered ${code} without a payload`;
    const body = Buffer.from(renderFault({ status, code, message }));
    call.respond(status, { ...JSON_TYPE, [INVOCATION_HEADER]: id, [STATUS_HEADER]: code }, body);
    return;
  }
  const type = payloadContentType(headerOf(call.exchange, "accept"));
  const headers = {
    ...(type === undefined ? {} : { "content-type": type }),
    ...resultHeaders(response.headers),
    [INVOCATION_HEADER]: id,
    ...(status === 200 ? {} : { [STATUS_HEADER]: code }),
  };
  call.respond(status, headers, payload);
}
