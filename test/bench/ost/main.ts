// How fast one ost is with one client, over loopback, page cache warm: one JSON line per figure.
//   npm run bench -- ost [--seconds 3] [--spin 0] [--data DIR]
// Ratios against another server are only worth something when both run in the same minute on the
// same cores; so absolute figures are printed, never judged here. 1 MiB at depth 32 must not fail.
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import type { ObjectId } from "#workloads/core/ost/index.ts";
import type { RemoteObject } from "#workloads/rawstor/index.ts";
import { OstClient } from "#workloads/rawstor/index.ts";

const OBJECT_BYTES = 256 << 20;
const id = "0190aaaa-bbbb-7ccc-8ddd-000000000001" as ObjectId;

interface Load {
  readonly operation: "read" | "write" | "write-sync";
  readonly blockBytes: number;
  readonly depth: number;
}

const loads: readonly Load[] = (["read", "write", "write-sync"] as const).flatMap((operation) => [
  { operation, blockBytes: 4096, depth: 1 },
  { operation, blockBytes: 4096, depth: 32 },
  { operation, blockBytes: 1 << 20, depth: 1 },
  { operation, blockBytes: 1 << 20, depth: 32 },
]);

/** Random aligned I/O at a fixed depth for a while. */
async function run(object: RemoteObject, load: Load, seconds: number) {
  const { operation, blockBytes, depth } = load;
  const data = Buffer.alloc(blockBytes, 7);
  const latenciesMs: number[] = [];
  const startedAtMs = performance.now();
  const endAtMs = startedAtMs + seconds * 1000;
  let state = 12345;
  const worker = async (): Promise<void> => {
    for (;;) {
      const before = performance.now();
      if (before >= endAtMs) return;
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const offset = (state % (OBJECT_BYTES / blockBytes)) * blockBytes;
      if (operation === "read") await object.read(offset, blockBytes);
      else await object.write(offset, data, { sync: operation === "write-sync" });
      latenciesMs.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: depth }, worker));
  const elapsedSeconds = (performance.now() - startedAtMs) / 1000;
  latenciesMs.sort((a, b) => a - b);
  const percentile = (share: number) =>
    Math.round((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0) * 1000);
  const iops = latenciesMs.length / elapsedSeconds;
  return {
    iops: Math.round(iops),
    megabytesPerSecond: Math.round((iops * blockBytes) / 1e6),
    p50Us: percentile(0.5),
    p99Us: percentile(0.99),
  };
}

async function startServer(dataDir: string, spin: string) {
  const main = join(import.meta.dirname, "..", "..", "..", "workloads", "ost", "main.ts");
  const flags = ["--format", "--listen", "127.0.0.1:0", "--spin-microseconds", spin];
  const child = spawn(process.execPath, [main, "--data", dataDir, ...flags], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const port = await new Promise<number>((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const match = /serving host=\S+ port=(\d+)/.exec(text);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once("exit", () => {
      reject(new Error(text));
    });
  });
  return { child, port };
}

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    spin: { type: "string", default: "0" },
    data: { type: "string" },
  },
});
const dataDir = values.data ?? (await mkdtemp(join(tmpdir(), "ost-bench-")));
const { child, port } = await startServer(dataDir, values.spin);
try {
  const client = new OstClient({ address: { host: "127.0.0.1", port } });
  await client.allocate(id, OBJECT_BYTES);
  const object = await client.open(id);
  if (object === undefined) throw new Error("the object was just made");
  for (let at = 0; at < OBJECT_BYTES; at += 1 << 20) await object.write(at, Buffer.alloc(1 << 20));
  await object.flush();
  for (const load of loads) {
    const figures = await run(object, load, Number(values.seconds));
    console.log(JSON.stringify({ bench: "ost", ...load, spin: Number(values.spin), ...figures }));
  }
  object.close();
  client.close();
} finally {
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.kill("SIGTERM");
  await ended;
  if (values.data === undefined) await rm(dataDir, { recursive: true, force: true });
}
