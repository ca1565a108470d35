// Routes and members over real mutual TLS on loopback: who is admitted, what a certificate that is
// replaced does to a living watch, and what a member that goes away and comes back looks like.
import { once } from "node:events";

import { create } from "@bufbuild/protobuf";
import { Client, Metadata, Server, status as grpcStatus } from "@grpc/grpc-js";
import type { ServiceError } from "@grpc/grpc-js";
import { afterEach, beforeAll, describe, expect, it } from "@jest/globals";

import { MemberStatusSchema, OdgmAdmin, StoreState } from "#api/gen/oaas-admin_pb.ts";
import type { ClsRouting } from "#api/gen/oprc-route_pb.ts";
import {
  ClsRoutingRequestSchema,
  ClsRoutingSchema,
  ClsRoutingTableSchema,
  RoutingService,
} from "#api/gen/oprc-route_pb.ts";
import { memoryLogger } from "#controllers/runtime/testing/memory-logger.ts";
import type { KeyPair } from "#operators/oaas/certificates/authority.ts";
import {
  createAuthority,
  defaultAuthorityPolicy,
  issueLeaf,
} from "#operators/oaas/certificates/authority.ts";
import { methodDefinition, serviceDefinition } from "#operators/oaas/grpc/definition.ts";
import {
  clientCredentials,
  OwnCertificate,
  serverCredentials,
} from "#operators/oaas/grpc/identity.ts";
import { MemberClient } from "#operators/oaas/grpc/member-client.ts";
import { RoutingServer } from "#operators/oaas/grpc/routing-server.ts";

const OPERATOR = "spiffe://u/ns/oaas-system/operator";
const GATEWAY = "spiffe://u/ns/oaas-system/gateway";
const MEMBER = "spiffe://u/ns/shop/odgm/cart";

let authority: KeyPair;
const ends: (() => void)[] = [];

beforeAll(async () => {
  authority = await createAuthority(defaultAuthorityPolicy, Date.now());
});

afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

async function certificate(own: OwnCertificate, identity: string, by = authority): Promise<void> {
  const leaf = await issueLeaf(by, identity, defaultAuthorityPolicy, Date.now());
  own.set({ ...leaf, caPem: authority.certificatePem });
}

async function holder(identity: string, by = authority): Promise<OwnCertificate> {
  const own = new OwnCertificate();
  await certificate(own, identity, by);
  return own;
}

/** A routing server with one class whose generation can be raised. */
async function routes() {
  let table = create(ClsRoutingTableSchema, { clss: [{ name: "shop.Cart", generation: 1n }] });
  const listeners = new Set<() => void>();
  const source = {
    current: () => table,
    subscribe: (listener: () => void) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const own = await holder(OPERATOR);
  const server = new RoutingServer(source, () => new Set([GATEWAY]), memoryLogger());
  const port = await server.listen("127.0.0.1:0", own);
  ends.push(() => server.close());
  const raise = (generation: bigint): void => {
    const entry = create(ClsRoutingSchema, { name: "shop.Cart", generation });
    table = create(ClsRoutingTableSchema, { clss: [entry] });
    for (const listener of listeners) listener();
  };
  return { address: `127.0.0.1:${port}`, own, raise };
}

function connect(address: string, own: OwnCertificate, server: string): Client {
  const options = { "grpc.ssl_target_name_override": "operator.oaas.internal" };
  const client = new Client(address, clientCredentials(own, server), options);
  ends.push(() => client.close());
  return client;
}

const watchRoutes = methodDefinition(RoutingService.method.watchClsRouting);
const getRoutes = methodDefinition(RoutingService.method.getClsRouting);

function ask(client: Client): Promise<string> {
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      getRoutes.path,
      getRoutes.requestSerialize,
      getRoutes.responseDeserialize,
      create(ClsRoutingRequestSchema),
      { deadline: Date.now() + 10_000 },
      (error, reply) => resolve(error === null ? `${reply?.clss.length}` : grpcStatus[error.code]),
    );
  });
}

describe("RoutingServer", () => {
  it.each([
    ["a gateway", GATEWAY, "1"],
    ["a member", MEMBER, "PERMISSION_DENIED"],
    ["another operator", OPERATOR, "PERMISSION_DENIED"],
  ])("answers %s with %s: %s", async (_name, identity, want) => {
    const { address } = await routes();
    expect(await ask(connect(address, await holder(identity), OPERATOR))).toBe(want);
  });

  it("does not talk to a certificate of another CA, and is not taken for somebody else", async () => {
    const { address } = await routes();
    const foreign = await createAuthority(defaultAuthorityPolicy, Date.now());
    const stranger = await holder(GATEWAY, foreign);
    expect(await ask(connect(address, stranger, OPERATOR))).toBe("UNAVAILABLE");
    expect(await ask(connect(address, await holder(GATEWAY), MEMBER))).toBe("UNAVAILABLE");
  });

  it("goes on with a watch while its certificate is replaced", async () => {
    const { address, own, raise } = await routes();
    const client = connect(address, await holder(GATEWAY), OPERATOR);
    const stream = client.makeServerStreamRequest(
      watchRoutes.path,
      watchRoutes.requestSerialize,
      watchRoutes.responseDeserialize,
      create(ClsRoutingRequestSchema),
    );
    stream.on("error", () => undefined);
    const heard: ClsRouting[] = [];
    stream.on("data", (entry: ClsRouting) => heard.push(entry));
    const count = async (wanted: number): Promise<void> => {
      while (heard.length < wanted) await once(stream, "data");
    };
    await count(2);
    await certificate(own, OPERATOR);
    raise(2n);
    await count(3);
    expect(heard.map((entry) => entry.snapshotEnd || entry.generation)).toEqual([1n, true, 2n]);
    expect(await ask(connect(address, await holder(GATEWAY), OPERATOR))).toBe("1");
    stream.cancel();
  });
});

/** A member's admin service that conflicts on every proposal. */
async function member(own: OwnCertificate, port = 0): Promise<{ server: Server; port: number }> {
  const server = new Server();
  server.addService(serviceDefinition(OdgmAdmin), {
    watchStatus: (call: { write: (status: unknown) => void }) =>
      call.write(create(MemberStatusSchema, { storeState: StoreState.EMPTY })),
    propose: (_call: unknown, reply: (error: Partial<ServiceError>) => void) => {
      const metadata = new Metadata();
      metadata.set("oaas-reason", "GENERATION_CONFLICT");
      reply({ code: grpcStatus.FAILED_PRECONDITION, details: "current is 4", metadata });
    },
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${port}`, serverCredentials(own), (error, at) =>
      error === null ? resolve(at) : reject(error),
    );
  });
  ends.push(() => server.forceShutdown());
  return { server, port: bound };
}

describe("MemberClient", () => {
  /** A client and how to wait for a kind of view. */
  async function watching(port: number, identity = MEMBER) {
    let changed: () => void = () => undefined;
    const target = { address: `127.0.0.1:${port}`, identity };
    const client = new MemberClient(target, await holder(OPERATOR), () => changed());
    ends.push(() => client.close());
    const until = async (kind: string): Promise<void> => {
      while (client.view.kind !== kind) {
        await new Promise<void>((resolve) => (changed = resolve));
      }
    };
    return { client, until };
  }

  it("hears a member, sees it go, and hears it again when it is back", async () => {
    const own = await holder(MEMBER);
    const first = await member(own);
    const { client, until } = await watching(first.port);
    await until("known");
    first.server.forceShutdown();
    await until("unreachable");
    await member(own, first.port);
    await until("known");
    expect(client.view).toMatchObject({ status: { storeState: StoreState.EMPTY } });
  });

  it("tells a conflict from other refusals", async () => {
    const { port } = await member(await holder(MEMBER));
    const { client, until } = await watching(port);
    await until("known");
    await expect(client.propose({ expectedGeneration: 1n })).rejects.toMatchObject({
      code: "GENERATION_CONFLICT",
    });
    await expect(client.apply({})).rejects.toMatchObject({ code: "MEMBER_REFUSED" });
  });

  it("does not talk to a member of another collection", async () => {
    const { port } = await member(await holder("spiffe://u/ns/shop/odgm/other"));
    const { client, until } = await watching(port);
    await until("unreachable");
    expect(client.view.kind).toBe("unreachable");
  });
});
