// One member of a collection as the operator sees it: a watch on its status that reconnects by
// itself, and the calls that change something. No state but the last status that arrived.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { create } from "@bufbuild/protobuf";
import type { ClientReadableStream, ServiceError } from "@grpc/grpc-js";
import { Client, status as grpcStatus } from "@grpc/grpc-js";

import type { CollectionSpec, MemberStatus } from "#api/gen/oaas-admin_pb.ts";
import {
  AdoptRequestSchema,
  ApplyRequestSchema,
  FormatRequestSchema,
  GetServedRequestSchema,
  GetStatusRequestSchema,
  OdgmAdmin,
  ProposeRequestSchema,
  ResignRequestSchema,
} from "#api/gen/oaas-admin_pb.ts";
import type { Retry } from "#api/base/index.ts";
import { PlatformError } from "#api/base/index.ts";
import type { MemberTarget, MemberView } from "#controllers/odgm-collection/port.ts";

import { methodDefinition } from "./definition.ts";
import type { OwnCertificate } from "./identity.ts";
import { clientCredentials } from "./identity.ts";
import { plainWords } from "./plain-words.ts";

const getStatusWatch = methodDefinition(OdgmAdmin.method.watchStatus);
const format = methodDefinition(OdgmAdmin.method.format);
const propose = methodDefinition(OdgmAdmin.method.propose);
const adopt = methodDefinition(OdgmAdmin.method.adopt);
const apply = methodDefinition(OdgmAdmin.method.apply);
const getServed = methodDefinition(OdgmAdmin.method.getServed);
const resign = methodDefinition(OdgmAdmin.method.resign);

const CALL_DEADLINE_MS = 10_000;
const RECONNECT_MIN_MS = 250;
const RECONNECT_MAX_MS = 10_000;

/** Codes of {@link MemberError}. */
export type MemberErrorCode =
  "MEMBER_UNREACHABLE" | "MEMBER_REFUSED" | "GENERATION_CONFLICT" | "NOT_LEADER";

/** Refusals that pass by themselves: what was seen is out of date, or an election is going on. */
const PASSING: ReadonlySet<string> = new Set(["GENERATION_CONFLICT", "NOT_LEADER"]);

/** A call to a member that failed; what is out of date is looked at again, the rest waits. */
export class MemberError extends PlatformError {
  override readonly name = "MemberError";
  readonly code: MemberErrorCode;

  constructor(code: MemberErrorCode, message: string, cause: unknown) {
    const retry: Retry = { kind: code === "MEMBER_REFUSED" ? "never" : "backoff" };
    super(message, { retry, cause });
    this.code = code;
  }
}

/** Where a member is and who it must be. */
export type MemberAddress = Pick<MemberTarget, "address" | "identity">;

/** A connection to one member. `onChange` fires after every change of `view`. */
export class MemberClient {
  readonly target: MemberAddress;
  #view: MemberView = { kind: "connecting" };
  readonly #client: Client;
  readonly #onChange: () => void;
  #stream: ClientReadableStream<MemberStatus> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #closed = false;
  readonly #heard = Promise.withResolvers<void>();

  constructor(target: MemberAddress, own: OwnCertificate, onChange: () => void) {
    this.target = target;
    this.#onChange = onChange;
    this.#client = new Client(target.address, clientCredentials(own, target.identity), {
      // Members are called by address; a TLS server name must be a name. Who it is says its SAN.
      "grpc.ssl_target_name_override": "member.oaas.internal",
      "grpc.keepalive_time_ms": 10_000,
      "grpc.keepalive_timeout_ms": 5_000,
      "grpc.keepalive_permit_without_calls": 1,
      "grpc.initial_reconnect_backoff_ms": RECONNECT_MIN_MS,
      "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
      "grpc.use_local_subchannel_pool": 1,
    });
    this.#watch();
  }

  /** Resolves once the member has said something or cannot be reached. */
  get heard(): Promise<void> {
    return this.#heard.promise;
  }

  /** The newest status, or why there is none. */
  get view(): MemberView {
    return this.#view;
  }

  /** Formats an empty store; answers its incarnation. Safe to repeat. */
  async format(request: MessageInitShape<typeof FormatRequestSchema>): Promise<string> {
    const reply = await this.#call(format, create(FormatRequestSchema, request));
    return reply.incarnation;
  }

  /** Asks the meta group for a new generation; answers its number. Safe to repeat. */
  async propose(request: MessageInitShape<typeof ProposeRequestSchema>): Promise<bigint> {
    const reply = await this.#call(propose, create(ProposeRequestSchema, request));
    return reply.generation;
  }

  /** Hands over a committed generation; answers the one that the member has. Safe to repeat. */
  async apply(request: MessageInitShape<typeof ApplyRequestSchema>): Promise<bigint> {
    const reply = await this.#call(apply, create(ApplyRequestSchema, request));
    return reply.generation;
  }

  /** Gives an empty meta group this generation; answers its number. Safe to repeat. */
  async adopt(request: MessageInitShape<typeof AdoptRequestSchema>): Promise<bigint> {
    const reply = await this.#call(adopt, create(AdoptRequestSchema, request));
    return reply.generation;
  }

  /** The generation that the member serves; undefined before the first. */
  async served(): Promise<CollectionSpec | undefined> {
    const reply = await this.#call(getServed, create(GetServedRequestSchema));
    return reply.spec;
  }

  /** Makes the member hand over what it leads and lead nothing for so long. Safe to repeat. */
  async resign(request: MessageInitShape<typeof ResignRequestSchema>): Promise<void> {
    await this.#call(resign, create(ResignRequestSchema, request));
  }

  /** Ends the watch and every call in flight. */
  close(): void {
    this.#closed = true;
    this.#heard.resolve();
    clearTimeout(this.#timer);
    this.#stream?.cancel();
    this.#client.close();
  }

  #set(view: MemberView): void {
    this.#view = view;
    this.#heard.resolve();
    this.#onChange();
  }

  #watch(): void {
    if (this.#closed) return;
    const stream = this.#client.makeServerStreamRequest(
      getStatusWatch.path,
      getStatusWatch.requestSerialize,
      getStatusWatch.responseDeserialize,
      create(GetStatusRequestSchema, {}),
    );
    this.#stream = stream;
    stream.on("data", (status: MemberStatus) => {
      this.#failures = 0;
      this.#set({ kind: "known", status });
    });
    stream.on("error", (error: ServiceError) => {
      this.#retry(plainWords(error.details || error.message));
    });
    stream.on("end", () => this.#retry("the member ended the watch"));
  }

  #retry(message: string): void {
    if (this.#closed || this.#timer !== undefined) return;
    if (this.#view.kind !== "unreachable" || this.#view.message !== message) {
      this.#set({ kind: "unreachable", message });
    }
    const delayMs = Math.min(
      RECONNECT_MAX_MS,
      RECONNECT_MIN_MS * 2 ** Math.min(this.#failures, 10),
    );
    this.#failures += 1;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#watch();
      },
      delayMs * (0.8 + Math.random() * 0.4),
    );
  }

  #call<Request, Response>(
    method: {
      readonly path: string;
      readonly requestSerialize: (value: Request) => Buffer;
      readonly responseDeserialize: (bytes: Buffer) => Response;
    },
    request: Request,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        { deadline: Date.now() + CALL_DEADLINE_MS },
        (error, reply) => {
          if (error !== null) reject(this.#failure(method.path, error));
          else if (reply === undefined) reject(this.#failure(method.path, new Error("no reply")));
          else resolve(reply);
        },
      );
    });
  }

  #failure(path: string, error: Error | ServiceError): MemberError {
    const text = `${this.target.address} ${path}: ${error.message}`;
    if (!("code" in error)) return new MemberError("MEMBER_UNREACHABLE", text, error);
    const reason = error.metadata?.get("oaas-reason")[0]?.toString();
    if (reason !== undefined && PASSING.has(reason)) {
      return new MemberError(reason as "GENERATION_CONFLICT" | "NOT_LEADER", text, error);
    }
    const away =
      error.code === grpcStatus.UNAVAILABLE ||
      error.code === grpcStatus.DEADLINE_EXCEEDED ||
      error.code === grpcStatus.CANCELLED;
    return new MemberError(away ? "MEMBER_UNREACHABLE" : "MEMBER_REFUSED", text, error);
  }
}
