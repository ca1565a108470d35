// Bugs of what is worked on, and when.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "./killer.ts";

const QUEUE = "controllers/runtime/queue/work-queue.ts";
const inQueue = testsOf("controllers/runtime/queue/work-queue.test.ts");
const inRunner = testsOf("controllers/runtime/controller/runner.test.ts");

/** The work queue and what feeds it. */
export const QUEUE_MUTANTS: readonly Mutant[] = [
  {
    id: "key-queued-twice",
    breaks: "a key that waits already is added once more",
    file: QUEUE,
    find: "    if (known !== undefined) {\n      if (rank(priority)",
    replace: "    if (known === priority) {\n      if (rank(priority)",
    killers: [inQueue("a work queue holds a key once, at its highest priority")],
  },
  {
    id: "one-key-two-workers",
    breaks: "two workers reconcile the same object at the same time",
    file: QUEUE,
    find: "    if (this.#running.has(key)) {\n",
    replace: '    if (this.#running.has(key) && priority === "edit") {\n',
    killers: [
      inQueue(
        "a work queue does not hand out a key that is being worked on, and hands it out again after",
      ),
      inQueue("a work queue never loses a key and never runs one twice at a time"),
    ],
  },
  {
    id: "wake-lost-while-running",
    breaks: "a change that arrives during the object's pass is forgotten",
    file: QUEUE,
    find: "      this.#again.set(key, higher(this.#again.get(key), priority));\n",
    replace: "",
    killers: [
      inQueue(
        "a work queue does not hand out a key that is being worked on, and hands it out again after",
      ),
    ],
  },
  {
    id: "backoff-never-reset",
    breaks: "an object that has recovered still waits as long as after its last failure",
    file: QUEUE,
    find: "  succeeded(key: string): void {\n    this.#failures.delete(key);\n",
    replace: "  succeeded(key: string): void {\n",
    killers: [
      inQueue(
        "a work queue doubles the pause of a failing key from 5 ms and forgets it on success",
      ),
    ],
  },
  {
    id: "no-backoff",
    breaks: "a failing object is tried again at once, for ever",
    file: QUEUE,
    find: "Math.max(atLeastMs, backoffMs(ITEM_BACKOFF, failures, this.#options.world.rng))",
    replace: "atLeastMs",
    killers: [
      inQueue(
        "a work queue doubles the pause of a failing key from 5 ms and forgets it on success",
      ),
    ],
  },
  {
    id: "fight-without-pause",
    breaks: "two controllers that undo each other spin",
    file: QUEUE,
    find: '    const heldMs = priority === "edit" ? 0 : this.#heldUntilMs(key) - sinceMs;\n',
    replace: "    const heldMs = 0;\n",
    killers: [
      inQueue(
        "a work queue lets changes wake a troubled key at most once a second, an edit at once",
      ),
    ],
  },
  {
    id: "edit-waits-for-resync",
    breaks: "a user's edit waits behind ten thousand keys of a resync",
    file: "controllers/runtime/queue/work-queue.ts",
    find: 'const LEVELS: readonly Priority[] = ["edit", "change", "background"];',
    replace: 'const LEVELS: readonly Priority[] = ["background", "change", "edit"];',
    killers: [inQueue("a work queue serves a user's edit before ten thousand keys of a resync")],
  },
  {
    id: "resync-starves",
    breaks: "a flood of edits keeps a resync waiting for ever",
    file: QUEUE,
    find: "this.#turn % FAIR_TURN === 0 ? LEVELS.toReversed() : LEVELS",
    replace: "LEVELS",
    killers: [inQueue("a work queue starves nobody: low keys get through a flood of edits")],
  },
  {
    id: "later-wish-wins",
    breaks: "a later wake-up replaces an earlier one, so that a key is late",
    file: QUEUE,
    find: "      if (known.atMs <= atMs) return;\n",
    replace: "",
    killers: [inQueue("a work queue keeps the sooner of two wishes")],
  },
  {
    id: "own-status-wakes",
    breaks: "the controller's own status write makes another pass",
    file: "controllers/runtime/controller/runner.ts",
    find: " || change.writer === statusWriterName(this.name)) return;",
    replace: ") return;",
    killers: [
      inRunner("objects that change under a pass their own status and finalizer do not wake them"),
    ],
  },
  {
    id: "retry-after-not-passed-on",
    breaks: "a pass that the server throttled comes back before the server wants it",
    file: "controllers/runtime/controller/runner.ts",
    find: 'queue.addFailed(key, retry?.kind === "after" ? retry.delayMs : 0)',
    replace: "queue.addFailed(key, 0)",
    killers: [inRunner("faults a pass comes back no sooner than the server asks")],
  },
  {
    id: "endless-pass",
    breaks: "a pass that hangs is never told to end, and holds its worker and its object",
    file: "controllers/runtime/controller/runner.ts",
    find: "      limit.abort();\n    });\n",
    replace: "    });\n",
    killers: [inRunner("faults a pass that hangs is told to end and made again")],
  },
  {
    id: "successor-waits-for-nobody",
    breaks: "an object is not woken when the child that its predecessor left goes",
    file: "controllers/runtime/controller/runner.ts",
    find: "      if (owner?.startsWith(`${kind}/`) !== true) continue;\n",
    replace: "      if (owner !== undefined) continue;\n",
    killers: [
      inRunner("objects that change under a pass a successor goes on when what was left is gone"),
    ],
  },
];
