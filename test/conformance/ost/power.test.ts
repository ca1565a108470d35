// Power loss under load: the disk is rebuilt as of many moments, with what was not synced dropped,
// reordered and torn, and served again. Nothing acknowledged as durable may be lost, no object that
// was acknowledged may be missing, and no READ may fail: torn blocks are sealed, never served as
// damage. The same check must fail when fdatasync does nothing.
import { afterEach, describe, expect, it } from "@jest/globals";

import type { CrashImage, Recording } from "#test/support/power/index.ts";
import { startRecording } from "#test/support/power/index.ts";
import type { ObjectId } from "#workloads/core/ost/index.ts";
import { parseOstSettings } from "#api/workload/ost.ts";
import { startOst as serve } from "#workloads/ost/ost.ts";
import { silentLogger } from "#workloads/platform/log/index.ts";

import { OST_MAIN, Scratch, startOst, stopOst } from "./ost-process.ts";
import { RawPeer } from "./raw-peer.ts";

const SEED = 20261121;
const IMAGES = 60;
const BLOCK = 4096;
const SECTOR = 512;
const WORKERS = 6;
const BLOCKS = 40;
const ROUNDS = 3;

const scratch = new Scratch();
const recordings: Recording[] = [];

afterEach(async () => {
  await scratch.clear();
  for (const recording of recordings.splice(0)) await recording.discard();
});

/** A write that was sent; times in milliseconds since the epoch, rounded to the safe side. */
interface Sent {
  readonly version: number;
  readonly answeredAtMs: number;
  /** When it was known to be durable. */
  durableAtMs: number;
}

/** What the client knows about the run. */
interface History {
  /** By block number. */
  readonly writes: Map<number, Sent[]>;
  readonly allocatedAtMs: Map<ObjectId, number>;
  readonly releaseSentAtMs: Map<ObjectId, number>;
  readonly releasedAtMs: Map<ObjectId, number>;
}

const main = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;
const spare = (n: number) =>
  `0190aaaa-bbbb-7ccc-9ddd-${n.toString(16).padStart(12, "0")}` as ObjectId;
/** Date.now() is rounded down; what is acknowledged counts from the next millisecond. */
const nowMs = () => Date.now() + 1;

/** Every sector says which block and version it is of. */
function block(index: number, version: number): Buffer {
  const buffer = Buffer.alloc(BLOCK, (index * 31 + version) & 0xff);
  for (let at = 0; at < BLOCK; at += SECTOR) {
    buffer.writeUInt32LE(index, at);
    buffer.writeUInt32LE(version, at + 4);
    buffer.writeUInt32LE(at, at + 8);
  }
  return buffer;
}

async function work(peer: RawPeer, worker: number, history: History): Promise<void> {
  const unsynced: Sent[] = [];
  for (let n = 1; n <= BLOCKS * ROUNDS; n++) {
    // Blocks of a worker lie apart, so that groups and checksum pages are shared with others.
    const index = (n % BLOCKS) * WORKERS + worker;
    const sync = n % 3 === 0;
    const { result } = await peer.write(index * BLOCK, block(index, n), sync);
    if (result !== BLOCK) throw new Error(`write: ${String(result)}`);
    const sent: Sent = {
      version: n,
      answeredAtMs: nowMs(),
      durableAtMs: sync ? nowMs() : Number.POSITIVE_INFINITY,
    };
    history.writes.set(index, [...(history.writes.get(index) ?? []), sent]);
    if (!sync) unsynced.push(sent);
    if (n % 20 !== 0) continue;
    const covered = unsynced.splice(0);
    if ((await peer.result({ command: "flush" })) !== 0) throw new Error("flush");
    for (const each of covered) each.durableAtMs = nowMs();
  }
}

async function churn(peer: RawPeer, history: History): Promise<void> {
  for (let n = 0; n < 12; n++) {
    await peer.result({ command: "allocate", id: spare(n), sizeBytes: BLOCK * 3 });
    history.allocatedAtMs.set(spare(n), nowMs());
    if (n < 4) continue;
    history.releaseSentAtMs.set(spare(n - 4), Date.now());
    await peer.result({ command: "release", id: spare(n - 4) });
    history.releasedAtMs.set(spare(n - 4), nowMs());
  }
}

/** A formatted target under load, recorded, then killed. */
async function recordLoad(
  stub?: readonly "fdatasync"[],
): Promise<{ readonly recording: Recording; readonly history: History }> {
  const dataDir = scratch.folder();
  await stopOst(await startOst({ dataDir }));
  const command = [process.execPath, OST_MAIN, "--data", dataDir, "--listen", "127.0.0.1:0"];
  const running = await startRecording({ command, dataDir, ...(stub && { stub }) });
  const port = await new Promise<number>((resolve) => {
    let text = "";
    running.child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = /serving host=\S+ port=(\d+)/.exec(text);
      if (match !== null) resolve(Number(match[1]));
    });
  });
  const history: History = {
    writes: new Map(),
    allocatedAtMs: new Map(),
    releaseSentAtMs: new Map(),
    releasedAtMs: new Map(),
  };
  const admin = await RawPeer.connect(port);
  const sizeBytes = 3 * 2 ** 20;
  if ((await admin.result({ command: "allocate", id: main, sizeBytes })) !== 0) throw new Error();
  history.allocatedAtMs.set(main, nowMs());
  const peers = await Promise.all(Array.from({ length: WORKERS }, () => RawPeer.connect(port)));
  for (const peer of peers) await peer.result({ command: "set-object", id: main });
  await Promise.all([
    ...peers.map((peer, worker) => work(peer, worker, history)),
    churn(admin, history),
  ]);
  process.kill(await running.pid(), "SIGKILL");
  const recording = await running.finish();
  recordings.push(recording);
  return { recording, history };
}

/** Everything that is wrong with the target on this image, in words. */
async function problemsOf(image: CrashImage, history: History): Promise<readonly string[]> {
  const settings = { dataDir: image.folder, listen: "127.0.0.1:0" };
  const parsed = parseOstSettings(settings);
  if (parsed.kind !== "ok") throw new Error("settings");
  const ost = await serve(parsed.config, silentLogger);
  try {
    const peer = await RawPeer.connect(ost.port);
    const problems = [...(await missingObjects(peer, image, history))];
    if ((await peer.result({ command: "set-object", id: main })) === 0) {
      problems.push(...(await wrongBlocks(peer, image, history)));
    }
    peer.destroy();
    return problems;
  } finally {
    await ost.close();
  }
}

async function missingObjects(peer: RawPeer, image: CrashImage, history: History) {
  const problems: string[] = [];
  for (const [id, allocatedAtMs] of history.allocatedAtMs) {
    const result = await peer.result({ command: "spec", id });
    const wanted = allocatedAtMs <= image.cutAtMs;
    const leaving = (history.releaseSentAtMs.get(id) ?? Infinity) <= image.cutAtMs;
    const gone = (history.releasedAtMs.get(id) ?? Infinity) <= image.cutAtMs;
    if (wanted && !leaving && result !== 8) problems.push(`object ${id} is missing`);
    if (gone && result !== -2) problems.push(`object ${id} came back`);
    if (result === -5) problems.push(`object ${id} is damaged`);
  }
  return problems;
}

async function wrongBlocks(peer: RawPeer, image: CrashImage, history: History) {
  const problems: string[] = [];
  for (const [index, writes] of history.writes) {
    const { result, payload } = await peer.read(index * BLOCK, BLOCK);
    if (result !== BLOCK || payload === undefined) {
      problems.push(`block ${String(index)}: READ ${String(result)}`);
      continue;
    }
    const durable = writes.findLastIndex(({ durableAtMs }) => durableAtMs <= image.cutAtMs);
    const allowed = writes.slice(Math.max(0, durable)).map(({ version }) => block(index, version));
    if (durable < 0) allowed.push(Buffer.alloc(BLOCK));
    for (let at = 0; at < BLOCK; at += SECTOR) {
      const sector = Buffer.from(payload.subarray(at, at + SECTOR));
      if (allowed.some((each) => each.subarray(at, at + SECTOR).equals(sector))) continue;
      problems.push(`block ${String(index)}, sector ${String(at / SECTOR)}: lost or wrong`);
      break;
    }
  }
  return problems;
}

async function check(
  recorded: { readonly recording: Recording; readonly history: History },
  images: number,
): Promise<readonly string[]> {
  const problems: string[] = [];
  for await (const image of recorded.recording.crashImages(SEED, images)) {
    for (const problem of await problemsOf(image, recorded.history)) {
      problems.push(`${problem} (${image.name})`);
    }
  }
  return problems;
}

describe("power loss", () => {
  it("takes nothing that was acknowledged as durable and leaves nothing damaged", async () => {
    const recorded = await recordLoad();
    expect(recorded.recording.journal.data.length).toBeGreaterThan(WORKERS * BLOCKS * ROUNDS);
    expect(await check(recorded, IMAGES)).toEqual([]);
  });

  it("is noticed by this very check when fdatasync does nothing", async () => {
    const recorded = await recordLoad(["fdatasync"]);
    const problems = await check(recorded, 10);
    expect(problems.length).toBeGreaterThan(0);
    expect(problems.some((problem) => problem.includes("lost or wrong"))).toBe(true);
  });

  it("in the middle of formatting leaves a disk that is blank or whole", async () => {
    const dataDir = scratch.folder();
    const command = [process.execPath, OST_MAIN, "--data", dataDir, "--listen", "127.0.0.1:0"];
    const running = await startRecording({ command: [...command, "--format"], dataDir });
    await new Promise<void>((resolve) => {
      running.child.stderr?.on("data", (chunk: Buffer) => {
        if (chunk.toString().includes("serving host")) resolve();
      });
    });
    process.kill(await running.pid(), "SIGKILL");
    const recording = await running.finish();
    recordings.push(recording);
    for await (const image of recording.crashImages(SEED, 20)) {
      const parsed = parseOstSettings({
        dataDir: image.folder,
        listen: "127.0.0.1:0",
        format: "IfBlank",
      });
      if (parsed.kind !== "ok") throw new Error("settings");
      const ost = await serve(parsed.config, silentLogger);
      await ost.close();
    }
  });
});
