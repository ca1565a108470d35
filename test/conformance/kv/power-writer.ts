// The program that the power test records: commits batches to an engine with a log so small that it
// turns over all the time, and says of each when it was durable.
import { openLogStore } from "#workloads/platform/kv/index.ts";

const [folder = "", rounds = "0"] = process.argv.slice(2);
const opened = await openLogStore({
  folder,
  limits: {
    segmentBytes: 8_192,
    frameBytes: 4_096,
    checkpointBytes: 12_000,
    logBytesMax: 40_000,
    putsMax: 20,
    markMs: 1,
  },
});
if (opened.kind === "damaged") throw new Error(opened.message);
const { engine } = opened;

/** Batch n writes its number under both keys of three pairs, and removes one pair. */
for (let n = 1; n <= Number(rounds); n += 1) {
  const pairs = [n % 40, (n * 7) % 40, (n * 13) % 40];
  const value = Buffer.alloc(20 + (n % 300), String(n % 10));
  const writes = pairs.flatMap((pair) =>
    ["x", "y"].map((half) => ({ key: Buffer.from(`${half}${pair}`), value, index: n })),
  );
  const gone = ["x", "y"].map((half) => {
    return { key: Buffer.from(`${half}${(n * 3) % 40}`), value: undefined, index: n };
  });
  const sync = n % 5 !== 0;
  const done = engine.commit([...gone, ...writes], { sync }).then(() => {
    if (sync) process.stdout.write(`${n} ${Date.now() + 1}\n`);
  });
  if (n % 3 !== 0) await done;
}
process.stdout.write("end\n");
