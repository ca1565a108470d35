// Prints what a store holds, "key:index" in order of the keys; fails if it cannot be opened whole.
import { openLogStore } from "#workloads/platform/kv/index.ts";

const [folder = ""] = process.argv.slice(2);
const opened = await openLogStore({ folder });
if (opened.kind === "damaged") throw new Error(opened.message);
const range = { start: new Uint8Array(1), end: new Uint8Array(2).fill(255) };
const items = [...opened.engine.scan(range)];
const shown = items.map(({ key, index }) => `${Buffer.from(key).toString()}:${index}`);
process.stdout.write(`${shown.sort().join()}\n`);
