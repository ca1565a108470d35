// Everything between our own programs is mTLS: the operator's own RoutingService and certificates
// before a real gateway, members with and without the right identity.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { ClsRoutingTable } from "#api/gen/oprc-route_pb.ts";
import { ClsRoutingTableSchema } from "#api/gen/oprc-route_pb.ts";
import type { AuthorityPolicy, KeyPair } from "#operators/oaas/certificates/authority.ts";
import {
  createAuthority,
  defaultAuthorityPolicy,
  issueLeaf,
  trustBundle,
} from "#operators/oaas/certificates/authority.ts";
import { OwnCertificate } from "#operators/oaas/grpc/identity.ts";
import type { RouteSource } from "#operators/oaas/grpc/routing-server.ts";
import { RoutingServer } from "#operators/oaas/grpc/routing-server.ts";
import { waitUntil } from "#test/support/wait.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";
import type { TlsFolder } from "#workloads/platform/tls/index.ts";
import { openTlsFolder } from "#workloads/platform/tls/index.ts";

import type { ScriptedMember } from "./support/member.ts";
import { startMember } from "./support/member.ts";
import type { GatewayProgram } from "./support/process.ts";
import { makeFolder, startGatewayProgram } from "./support/process.ts";
import type { ClassInit } from "./support/routes.ts";
import { explicitClass, writeRoutes } from "./support/routes.ts";

const GATEWAY = "spiffe://uid/ns/oaas-system/gateway";
const OPERATOR = "spiffe://uid/ns/oaas-system/operator";
const MEMBER = "spiffe://uid/ns/demo/odgm/thing";
const policy: AuthorityPolicy = defaultAuthorityPolicy;

let folder: Awaited<ReturnType<typeof makeFolder>>;
let authority: KeyPair;
let folders: Record<"gateway" | "member", string>;
let memberTls: TlsFolder;
let member: ScriptedMember;
let gateway: GatewayProgram;
let operator: { server: RoutingServer; port: number } | undefined;
let routesFile: string;

/** A route source that the test writes. */
class Source implements RouteSource {
  #table: ClsRoutingTable | undefined;
  readonly #listeners = new Set<() => void>();

  current(): ClsRoutingTable | undefined {
    return this.#table;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(clss: readonly ClassInit[]): void {
    this.#table = create(ClsRoutingTableSchema, { clss: [...clss] });
    for (const listener of this.#listeners) listener();
  }
}

const source = new Source();

/** Writes a set of certificates as a mounted Secret appears: complete, by one rename. */
async function writeTls(path: string, ca: string, identity: string): Promise<void> {
  const leaf = await issueLeaf(authority, identity, policy, Date.now());
  await mkdir(path, { recursive: true });
  const files = { "ca.crt": ca, "tls.crt": leaf.certificatePem, "tls.key": leaf.privateKeyPem };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(path, `${name}.new`), text);
    await rename(join(path, `${name}.new`), join(path, name));
  }
}

async function startOperator(port: number, identity: string): Promise<void> {
  const own = new OwnCertificate();
  const leaf = await issueLeaf(authority, identity, policy, Date.now());
  const server = new RoutingServer(source, () => new Set([GATEWAY]), silentLogger);
  operator = { server, port: await server.listen(`127.0.0.1:${port}`, own) };
  own.set({
    caPem: authority.certificatePem,
    certificatePem: leaf.certificatePem,
    privateKeyPem: leaf.privateKeyPem,
  });
}

function status(cls: string): Promise<number> {
  const url = `${gateway.url}/api/class/${cls}/0/objects/a`;
  return fetch(url, { method: "DELETE" }).then((response) => response.status);
}

function served(cls: string, wanted = 204): Promise<unknown> {
  return waitUntil(async () => (await status(cls)) === wanted, {
    what: `${cls} answering ${wanted}`,
    deadlineMs: 15_000,
  });
}

beforeAll(async () => {
  folder = await makeFolder();
  authority = await createAuthority(policy, Date.now());
  folders = { gateway: join(folder.path, "gateway"), member: join(folder.path, "member") };
  await writeTls(folders.gateway, authority.certificatePem, GATEWAY);
  await writeFile(join(folders.gateway, "routing-identity"), `${OPERATOR}\n`);
  await writeTls(folders.member, authority.certificatePem, MEMBER);
  memberTls = await openTlsFolder(folders.member, { log: silentLogger });
  member = await startMember({ service: "Link", tls: { folder: memberTls, admit: [GATEWAY] } });
  routesFile = join(folder.path, "routes.json");
  const trusted = { linkIdentity: MEMBER };
  await writeRoutes(routesFile, [explicitClass("p.File", member.address, trusted)]);
  // A port that nobody serves yet: the operator is away when the gateway starts.
  await startOperator(0, OPERATOR);
  const port = operator?.port ?? 0;
  operator?.server.close();
  operator = undefined;
  gateway = await startGatewayProgram([
    "--tls-dir",
    folders.gateway,
    "--routes",
    routesFile,
    "--routing",
    `127.0.0.1:${port}`,
    "--routing-identity-file",
    join(folders.gateway, "routing-identity"),
  ]);
  routingPort = port;
}, 60_000);

let routingPort = 0;

afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  operator?.server.close();
  memberTls.close();
  await member.close();
  await folder.remove();
}, 30_000);

describe("routes and links over mTLS", () => {
  const trusted = { linkIdentity: MEMBER };

  it("a gateway that starts while the operator is away serves from the file", async () => {
    expect((await fetch(`${gateway.healthUrl}/readyz`)).status).toBe(200);
    expect(await status("p.File")).toBe(204);
  });

  it("an operator with another identity is not believed", async () => {
    source.set([explicitClass("p.Forged", member.address, trusted)]);
    await startOperator(routingPort, "spiffe://uid/ns/oaas-system/impostor");
    await waitUntil(() => gateway.lines.some((line) => line.includes("is not spiffe")), {
      what: "the refusal in the log",
      deadlineMs: 15_000,
    });
    expect(await status("p.Forged")).toBe(404);
    operator?.server.close();
  });

  it("the operator's table is taken, and followed as it changes", async () => {
    source.set([explicitClass("p.File", member.address, trusted)]);
    await startOperator(routingPort, OPERATOR);
    source.set([
      explicitClass("p.File", member.address, trusted),
      explicitClass("p.New", member.address, trusted),
    ]);
    await served("p.New");
    source.set([explicitClass("p.New", member.address, { ...trusted, disabled: true })]);
    await served("p.New", 503);
    await served("p.File", 404);
  });

  it("a member whose certificate has another name is not talked to", async () => {
    source.set([
      explicitClass("p.New", member.address, trusted),
      explicitClass("p.Strange", member.address, { linkIdentity: `${MEMBER}-other` }),
      explicitClass("p.Nameless", member.address),
    ]);
    await served("p.New");
    const before = member.calls.length;
    expect(await status("p.Strange")).toBe(502);
    expect(await status("p.Nameless")).toBe(502);
    expect(member.calls).toHaveLength(before);
  });

  it("what the operator said is kept while it is away, and a newer file counts then", async () => {
    operator?.server.close();
    expect(await status("p.New")).toBe(204);
    await writeRoutes(routesFile, [
      explicitClass("p.New", member.address, { ...trusted, generation: 2n, disabled: true }),
    ]);
    await served("p.New", 503);
    source.set([explicitClass("p.New", member.address, { ...trusted, generation: 3n })]);
    await startOperator(routingPort, OPERATOR);
    await served("p.New");
  });

  it("certificates are renewed without a restart, also to another authority", async () => {
    const old = authority;
    const next = await createAuthority(policy, Date.now());
    const both = trustBundle({ current: next, previousPem: old.certificatePem });
    authority = next;
    await writeTls(folders.gateway, both, GATEWAY);
    await waitUntil(() => gateway.lines.some((line) => line.includes("certificates renewed")), {
      what: "the gateway reading its new certificates",
      deadlineMs: 15_000,
    });
    await writeTls(folders.member, next.certificatePem, MEMBER);
    await memberTls.refresh();
    // A new member so that there is a new connection: it knows the new authority only.
    const other = await startMember({
      service: "Link",
      tls: { folder: memberTls, admit: [GATEWAY] },
    });
    source.set([
      explicitClass("p.New", member.address, { ...trusted, generation: 3n }),
      explicitClass("p.Renewed", other.address, trusted),
    ]);
    await served("p.Renewed");
    expect(await status("p.New")).toBe(204);
    await other.close();
  });
});
