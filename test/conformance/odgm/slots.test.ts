// More partitions of a Hashed collection, under load from outside through the real gateway: slots
// move to the new partitions while clients write, read and list. The last column of the table says
// whether the leaders of a source and of a target are killed on the way.
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

import type { CollectionSpec } from "#api/gen/oaas-admin_pb.ts";
import { SlotMoveState } from "#api/gen/oaas-admin_pb.ts";
import { Partitioning } from "#api/gen/oprc-route_pb.ts";
import type { CasInput, CasOutput, Operation } from "#test/support/linearizability.ts";
import { checkLinearizable, registerModel, tellViolation } from "#test/support/linearizability.ts";
import { waitUntil } from "#test/support/wait.ts";
import { makeSlotTable, slotOf } from "#workloads/core/slots/index.ts";
import { xxh3 } from "#workloads/platform/hash/index.ts";

import type { GatewayProgram } from "../gateway/support/process.ts";
import { makeFolder, startGatewayProgram } from "../gateway/support/process.ts";
import { explicitClass, writeRoutes } from "../gateway/support/routes.ts";
import { DataClient } from "./data-client.ts";
import type { Shape } from "./expansion.ts";
import { Expander } from "./expansion.ts";
import { COLLECTION, GATEWAY, Grid, MEMBER } from "./members.ts";
import { clearAll } from "./odgm-process.ts";

const CLIENTS = 4;
/** Objects that lie still: each is listed once, always. */
const STILL = Array.from({ length: 120 }, (_, at) => `still-${String(at).padStart(3, "0")}`);

/** As long as a client waits on a machine that is busy with other tests. */
const PATIENT = { "x-oprc-timeout-ms": "25000" };

const soon = (what: string) => ({ what, deadlineMs: 120_000, intervalMs: 20 });

/** Members, a gateway before them, and the operator's part. */
class Bed {
  readonly grid: Grid;
  readonly folder: Awaited<ReturnType<typeof makeFolder>>;
  readonly incarnations: readonly string[];
  readonly expander: Expander;
  readonly generations: CollectionSpec[] = [];
  gateway: GatewayProgram | undefined;
  /** Members that were killed. */
  strikes = 0;
  /** Runs whenever a generation was handed out. */
  hook: (spec: CollectionSpec) => Promise<void> | void = () => undefined;

  private constructor(
    grid: Grid,
    folder: Bed["folder"],
    options: { readonly incarnations: readonly string[]; readonly shape: Shape },
  ) {
    this.grid = grid;
    this.folder = folder;
    this.incarnations = options.incarnations;
    this.expander = new Expander(grid, options.incarnations, {
      shape: options.shape,
      onGeneration: async (spec) => {
        this.generations.push(spec);
        await this.#writeRoutes(spec);
        await this.hook(spec);
      },
    });
  }

  static async make(members: number, shape: Shape): Promise<Bed> {
    const grid = await Grid.make();
    await Promise.all(Array.from({ length: members }, (_, ordinal) => grid.start(ordinal)));
    grid.pods.sort((one, two) => one.ordinal - two.ordinal);
    const incarnations = [...(await grid.format())];
    const bed = new Bed(grid, await makeFolder(), { incarnations, shape });
    bed.expander.start();
    await bed.done();
    const routes = join(bed.folder.path, "routes.json");
    bed.gateway = await startGatewayProgram([
      ...["--tls-dir", grid.tlsDir(GATEWAY), "--routes", routes],
    ]);
    return bed;
  }

  async close(): Promise<void> {
    await this.expander.stop();
    await this.gateway?.stop();
    this.grid.close();
    await clearAll();
    await this.folder.remove();
  }

  async done(): Promise<void> {
    await waitUntil(() => this.expander.isDone, soon("every slot is where it shall be"));
  }

  url(path: string): string {
    return `${this.gateway?.url ?? ""}/api/class/${COLLECTION}/objects${path}`;
  }

  /** Ordinal of the member that leads; undefined while nobody does. */
  leaderOf(partition: number): number | undefined {
    return this.expander.groups.find((group) => group.partition === partition)?.leader;
  }

  /** Ends a member as a power cut does, and starts it again where it was. */
  async strike(ordinal: number): Promise<void> {
    this.strikes += 1;
    const { ports } = this.grid.pod(ordinal).odgm;
    await this.grid.kill(ordinal);
    await this.grid.start(ordinal, [
      ...["--listen", `127.0.0.1:${ports.grpc}`],
      ...["--link-listen", `127.0.0.1:${ports.link}`],
      ...["--admin-listen", `127.0.0.1:${ports.admin}`],
    ]);
  }

  async #writeRoutes(spec: CollectionSpec): Promise<void> {
    const addresses = new Map(spec.members.map(({ id, linkAddress }) => [id, linkAddress]));
    const routing = spec.partitions.map(({ members }) => ({
      data: { linkAddress: addresses.get(members[0] ?? 0n) ?? "" },
      replicas: members.map((id) => ({ member: id, linkAddress: addresses.get(id) ?? "" })),
    }));
    await writeRoutes(join(this.folder.path, "routes.json"), [
      explicitClass(COLLECTION, spec.members[0]?.linkAddress ?? "", {
        partitions: spec.partitions.length,
        generation: spec.generation,
        partitioning: Partitioning.HASHED,
        slots: spec.slots.map(({ first, last, partition }) => ({ first, last, partition })),
        linkIdentity: MEMBER,
        shardType: spec.shardType,
        routing,
      }),
    ]);
  }
}

async function put(bed: Bed, id: string, text: string, headers: Record<string, string> = {}) {
  return await fetch(bed.url(`/${id}/entries/k`), {
    method: "PUT",
    headers: { "content-type": "application/json", ...PATIENT, ...headers },
    body: JSON.stringify({ data: Buffer.from(text).toString("base64"), type: 0 }),
  });
}

async function read(bed: Bed, id: string) {
  const response = await fetch(bed.url(`/${id}/entries/k`), { headers: PATIENT });
  return {
    status: response.status,
    etag: response.headers.get("etag"),
    text: await response.text(),
  };
}

/** Clients that write and read keys of all slots until they are told to stop. */
class Load {
  readonly history: Operation<CasInput, CasOutput>[] = [];
  readonly failures: string[] = [];
  /** Writes that were answered, by key. */
  readonly written = new Map<string, number>();
  readonly #bed: Bed;
  readonly #keys: readonly string[];
  readonly #runs: readonly Promise<void>[];
  #clock = 0;
  #answered = 0;
  #isOver = false;

  constructor(bed: Bed, keys: readonly string[]) {
    this.#bed = bed;
    this.#keys = keys;
    this.#runs = Array.from({ length: CLIENTS }, (_, client) => this.#run(client));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#runs);
  }

  async more(count: number): Promise<void> {
    const want = this.#answered + count;
    await waitUntil(() => this.#answered >= want, soon(`${count} more answers`));
  }

  async #run(client: number): Promise<void> {
    for (let turn = 0; !this.#isOver; turn += 1) {
      const key = this.#keys[(client * 7 + turn) % this.#keys.length] ?? "";
      const isWrite = (client + turn) % 3 !== 0;
      const asked = { client: String(client), key, callAt: (this.#clock += 1) };
      if (isWrite)
        await this.#write({ ...asked, input: { kind: "write", value: `${client}.${turn}` } });
      else await this.#read({ ...asked, input: { kind: "read" } });
      this.#answered += 1;
    }
  }

  async #write(
    asked: Omit<Operation<CasInput, CasOutput>, "told"> & {
      readonly input: { readonly kind: "write"; readonly value: string };
    },
  ): Promise<void> {
    const response = await put(this.#bed, asked.key, asked.input.value);
    if (response.status === 200) {
      this.history.push({ ...asked, told: { output: "", at: (this.#clock += 1) } });
      this.written.set(asked.key, (this.written.get(asked.key) ?? 0) + 1);
      return;
    }
    this.failures.push(`write: ${response.status} ${await response.text()}`);
    this.history.push(asked);
  }

  async #read(asked: Omit<Operation<CasInput, CasOutput>, "told">): Promise<void> {
    const { status, text } = await read(this.#bed, asked.key);
    if (status === 200 || status === 404) {
      const output = status === 200 ? text : "";
      this.history.push({ ...asked, told: { output, at: (this.#clock += 1) } });
    } else this.failures.push(`read: ${status} ${text}`);
  }

  /** One history, and as many writes of each key as its version says. */
  async check(): Promise<void> {
    // Whose answer was lost with a member that was killed; nothing else may fail.
    const isLost = (text: string): boolean => text.includes("OUTCOME_UNKNOWN");
    expect(this.failures.filter((text) => !isLost(text))).toEqual([]);
    expect(this.failures.length).toBeLessThanOrEqual(this.#bed.strikes * CLIENTS);
    const verdict = checkLinearizable(this.history, registerModel());
    if (verdict.kind === "violation") throw new Error(tellViolation(verdict).join("\n"));
    expect(verdict.kind).toBe("linearizable");
    for (const [key, count] of this.written) {
      const version = Number((await read(this.#bed, key)).etag?.replaceAll('"', ""));
      const unknown = this.history.filter((one) => one.key === key && one.told === undefined);
      expect(version - count).toBeGreaterThanOrEqual(0);
      expect(version - count).toBeLessThanOrEqual(unknown.length);
    }
  }
}

/** Pages through everything; the ids of what lies still, in the order in which they came. */
async function listStill(bed: Bed, failures: string[]): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor = "";
  do {
    const after = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(bed.url(`?prefix=still-&limit=60${after}`), { headers: PATIENT });
    const text = await response.text();
    if (response.status !== 200) {
      failures.push(`list: ${response.status} ${text}`);
      continue;
    }
    const page = JSON.parse(text) as { objects: { object_id: string }[]; next_cursor?: string };
    ids.push(...page.objects.map((object) => object.object_id));
    cursor = page.next_cursor ?? "";
  } while (cursor !== "");
  return ids;
}

/** Lists over and over. */
class Lister {
  readonly #bed: Bed;
  readonly #running: Promise<void>;
  #isOver = false;
  readonly failures: string[] = [];
  count = 0;

  constructor(bed: Bed) {
    this.#bed = bed;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      expect(await listStill(this.#bed, this.failures)).toEqual(STILL);
      this.count += 1;
    }
  }
}

/** An id with this prefix whose slot goes to a new partition when 2 become 4. */
function movingId(prefix: string): string {
  for (let at = 0; ; at += 1) {
    const slot = slotOf(xxh3, `${prefix}-${at}`);
    if (slot % 2048 >= 1024) return `${prefix}-${at}`;
  }
}

/** Every object lies where its slot is, and nowhere else. */
async function checkPlaces(bed: Bed, ids: readonly string[]): Promise<void> {
  const spec = bed.expander.committed;
  const made = makeSlotTable(spec?.slots ?? [], 4);
  if (made.kind !== "ok") throw new Error(made.message);
  const counts = [0, 0, 0, 0];
  for (const id of ids) {
    const partition = made.table[slotOf(xxh3, id)] ?? 0;
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(0);
  await waitUntil(async () => {
    for (const { admin } of bed.grid.pods) {
      const { shards } = await admin.getStatus({}, { timeoutMs: 5_000 });
      for (const { partition, objects } of shards) {
        expect([partition, Number(objects)]).toEqual([partition, counts[partition]]);
      }
    }
    return true;
  }, soon("every replica holds what belongs to it and nothing else"));
}

async function expand(bed: Bed, strikes: boolean): Promise<void> {
  const keys = [
    ...Array.from({ length: 12 }, (_, at) => `key-${at}`),
    ...[1, 2, 3, 4].map((at) => movingId(`moving${at}`)),
  ];
  const once = movingId("once");
  const headers = { "Idempotency-Key": "order-1" };
  for (const id of [...keys, once]) {
    await waitUntil(
      async () => (await read(bed, id)).status === 404,
      soon("links to every member"),
    );
  }
  const stored = await Promise.all(STILL.map(async (id) => (await put(bed, id, "x")).status));
  expect(new Set(stored)).toEqual(new Set([200]));
  expect((await put(bed, once, "new", headers)).status).toBe(200);
  expect((await put(bed, once, "paid")).status).toBe(200);

  const load = new Load(bed, keys);
  const lister = new Lister(bed);
  await load.more(40);
  const struck = new Set<SlotMoveState>();
  bed.hook = async ({ moves }) => {
    const state = moves[0]?.state ?? SlotMoveState.UNSPECIFIED;
    if (!strikes || struck.has(state)) return;
    const victim =
      state === SlotMoveState.COPYING
        ? bed.leaderOf(moves[0]?.from ?? 0)
        : state === SlotMoveState.CUT_OVER
          ? bed.leaderOf(moves[0]?.to ?? 0)
          : undefined;
    if (victim === undefined) return;
    struck.add(state);
    await bed.strike(victim);
  };
  bed.expander.want({ partitions: 4 });
  await bed.done();
  await load.more(40);
  await lister.stop();
  await load.stop();

  expect(lister.failures).toEqual([]);
  expect(struck.size).toBe(strikes ? 2 : 0);
  expect(lister.count).toBeGreaterThan(0);
  await load.check();
  const again = await put(bed, once, "new", headers);
  expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([200, "true"]);
  expect(await read(bed, once)).toEqual({ status: 200, etag: '"2"', text: "paid" });
  await checkPlaces(bed, [...STILL, once, ...load.written.keys()]);
  process.stdout.write(
    `slots: ${load.history.length} operations, ${lister.count} listings, ` +
      `${bed.generations.length} generations\n`,
  );
}

describe.each<readonly [string, number, Shape, boolean]>([
  [
    "Raft",
    3,
    {
      ...{ shardType: "Raft", replicas: 3, partitions: 2 },
      resolvedClassJson: JSON.stringify({ consistency: "Strong" }),
      options: {},
    },
    true,
  ],
  [
    "Basic",
    2,
    { shardType: "Basic", replicas: 1, partitions: 2, resolvedClassJson: "{}", options: {} },
    false,
  ],
])("2 partitions become 4 under load: %s", (_name, members, shape, strikes) => {
  let bed: Bed;

  beforeAll(async () => {
    bed = await Bed.make(members, shape);
  }, 180_000);

  afterAll(async () => {
    await bed.close();
  }, 30_000);

  it("no operation fails, nothing is lost, doubled or left behind", async () => {
    await expand(bed, strikes);
  }, 240_000);

  it("a caller that knows nothing of partitions is served at any member", async () => {
    for (const { odgm } of bed.grid.pods) {
      const client = new DataClient(odgm.at("grpc"), COLLECTION);
      try {
        for (const id of STILL.slice(0, 20)) expect(await client.get(id)).toEqual({ k: "x" });
      } finally {
        client.close();
      }
    }
  });
});
