// Bugs of the store's engine: what makes commits durable, and what tells damage from a torn tail.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const FOLDER = "workloads/platform/kv";
const ENGINE = `${FOLDER}/engine.ts`;
const LOG = `${FOLDER}/segment-log.ts`;
const RECOVERY = `${FOLDER}/recovery.ts`;
const inFaults = testsOf(`${FOLDER}/faults.test.ts`);
const inModel = testsOf(`${FOLDER}/model.test.ts`);
const SEEDS = inModel(
  "an engine whose power fails keeps every acknowledged commit and a prefix of the others, whole",
);
const ROT = inFaults(
  "bit rot in any byte of an acknowledged frame is found, the store never opens as whole",
);

/** Everything in workloads/platform/kv. */
export const KV_MUTANTS: readonly Mutant[] = [
  {
    id: "log-never-synced",
    breaks: "acknowledged writes are gone after a power cut",
    file: LOG,
    find: "    await this.#current.file.sync();\n    this.#synced = end;",
    replace: "    this.#synced = end;",
    killers: [SEEDS],
  },
  {
    id: "acknowledged-before-the-sync",
    breaks: "a write is answered while it is only in the page cache",
    file: ENGINE,
    find: "if (commits.some(({ sync }) => sync)) await this.#sync();",
    replace: "if (commits.some(({ sync }) => sync)) void this.#sync();",
    killers: [SEEDS],
  },
  {
    id: "sync-tried-again",
    breaks: "the second fsync succeeds without what the first has lost",
    file: ENGINE,
    find: "    await this.#log.sync();\n",
    replace: "    await this.#log.sync().catch(() => this.#log.sync());\n",
    killers: [inFaults("a failed write, sync or checkpoint of the log is never tried again")],
  },
  {
    id: "torn-tail-left",
    breaks: "what was torn comes back behind what is written over it",
    file: `${FOLDER}/open.ts`,
    find: "  if (!found.tail.isEmpty) await last?.file.truncate(offset);\n",
    replace: "  if (offset < 0) await last?.file.truncate(offset);\n",
    killers: [inFaults("a torn tail is cut for good: what lay behind the tear never comes back")],
  },
  {
    id: "damage-taken-for-a-torn-tail",
    breaks: "acknowledged writes are cut off and nobody is told",
    file: RECOVERY,
    find: "    if (this.#synced <= stop) return undefined;\n",
    replace: "    if (this.#synced >= 0) return undefined;\n",
    killers: [ROT],
  },
  {
    id: "idle-log-without-a-mark",
    breaks: "rot in the last frame passes for a torn tail",
    file: ENGINE,
    find: "if (this.#cancelMark !== undefined || this.#log.isMarked) return;",
    replace: "if (this.#log.end > 0) return;",
    killers: [
      inFaults("bit rot of the last frame is damage, since a mark says that it was durable"),
    ],
  },
  {
    id: "checkpoint-complete-too-early",
    breaks: "a crash in a checkpoint loses what was not yet in it",
    file: `${FOLDER}/checkpoint-writer.ts`,
    find: "slice.next === undefined ? this.#complete() : this.#meta;",
    replace: "this.#complete();",
    killers: [SEEDS],
  },
  {
    id: "checkpoint-of-unsynced-writes",
    breaks: "a checkpoint holds a part of a batch that the log has lost",
    file: ENGINE,
    find: "      this.#enqueue([], true, applied, reject);",
    replace: "      this.#enqueue([], false, applied, reject);",
    killers: [SEEDS],
  },
  {
    id: "segment-removed-before-the-checkpoint",
    breaks: "the only copy of acknowledged writes is removed",
    file: ENGINE,
    find: "      await this.#writer.write(frozen,",
    replace: "      await this.#log.trim(this.#log.end);\n      await this.#writer.write(frozen,",
    killers: [SEEDS],
  },
  {
    id: "segment-left-unsynced",
    breaks: "the end of a segment is lost although the next one is durable",
    file: LOG,
    find: "    await this.sync();\n    const number",
    replace: "    const number",
    killers: [inFaults("the end of a segment is durable before the next segment is")],
  },
  {
    id: "segment-without-a-durable-name",
    breaks: "a segment is gone after a power cut, with everything in it",
    file: LOG,
    find: "  await file.sync();\n  await disk.syncNames();\n",
    replace: "  await file.sync();\n",
    killers: [SEEDS],
  },
  {
    id: "checksum-at-rest-not-checked",
    breaks: "a rotten value is served",
    file: ENGINE,
    find: "    const opened = openSealed(this.#parts.crc32, key, sealed);\n    if (opened !== undefined)",
    replace: "    const opened = readSealed(sealed);\n    if (key.byteLength > 0)",
    killers: [
      inFaults(
        "bit rot of a value at rest fails its read, is found by a scrub, and is never passed on",
      ),
    ],
  },
];
