// Bugs of what is worked on, and when.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const QUEUE = "controllers/runtime/queue/work-queue.ts";
const inQueue = testsOf("controllers/runtime/queue/work-queue.test.ts");
const inSafety = testsOf("controllers/runtime/controller/safety.test.ts");
const inRestless = testsOf("controllers/runtime/controller/restless.test.ts");

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
    find: "      this.#again.set(key, { priority, causes });\n",
    replace: "",
    killers: [inQueue("a work queue never loses a key and never runs one twice at a time")],
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
    id: "own-write-wakes",
    breaks: "news of a pass's own write that is faster than its answer makes another pass",
    file: "controllers/runtime/controller/own-writes.ts",
    find: "    this.#running.get(keyText(by))?.add(stateId(object, false));\n",
    replace: "",
    killers: [inSafety("a pass is not followed by another one because of its own status")],
  },
  {
    id: "retry-after-not-passed-on",
    breaks: "a pass that the server throttled comes back before the server wants it",
    file: "controllers/runtime/controller/runner.ts",
    find: 'queue.addFailed(key, retry?.kind === "after" ? retry.delayMs : 0)',
    replace: "queue.addFailed(key, 0)",
    killers: [inSafety("a pass comes back no sooner than the server asks, for the status")],
  },
  {
    id: "retry-after-of-a-child-lost",
    breaks: "a child that the server throttled is tried again before the server wants it",
    file: "controllers/runtime/controller/runner.ts",
    find: "queue.addFailed(key, result.retryAfterMs ?? 0)",
    replace: "queue.addFailed(key, 0)",
    killers: [inSafety("a pass comes back no sooner than the server asks, for a child")],
  },
  {
    id: "endless-pass",
    breaks: "a pass that hangs is never told to end, and holds its worker and its object",
    file: "controllers/runtime/controller/pass-limit.ts",
    find: "      limit.onTimeout();\n      end();\n",
    replace: "      limit.onTimeout();\n",
    killers: [inSafety("a pass that hangs is told to end and made again")],
  },
  {
    id: "successor-waits-for-nobody",
    breaks: "an object is not woken when the child that its predecessor left goes",
    file: "controllers/runtime/controller/runner.ts",
    find: "      if (owner?.startsWith(`${kind}/`) !== true) continue;\n",
    replace: "      if (owner !== undefined) continue;\n",
    killers: [
      inSafety("a child that goes and was left by a predecessor wakes the successor with its end"),
    ],
  },
  {
    id: "deaf-pass-gets-a-second",
    breaks: "a pass that does not listen to its limit gets a second one beside it",
    file: "controllers/runtime/controller/runner.ts",
    find: "      this.#stuck.add(key);\n",
    replace:
      '      this.#stuck.add(key);\n      queue.done(key);\n      queue.add(key, "change");\n',
    killers: [
      inRestless(
        "a pass that does not end holds up its own object only and never gets a second one beside it",
      ),
    ],
  },
  {
    id: "restless-status-unbounded",
    breaks: "a status that differs on every pass is written for ever, as fast as the server can",
    file: "controllers/runtime/controller/rest.ts",
    find: "    if (this.#status.take(key)) return true;\n",
    replace: "    if (this.#status.waitMs(key) >= 0) return true;\n",
    killers: [
      inRestless(
        "a controller without rest whose status differs on every pass writes a bounded number of times and is named",
      ),
    ],
  },
  {
    id: "children-made-for-nobody",
    breaks:
      "children are made for an owner that a backup has undone, as fast as they are collected",
    file: "controllers/runtime/controller/rest.ts",
    find: "    if (this.#remade.take(key)) return false;\n",
    replace: "    if (this.#remade.take(key) || remade.length > 0) return false;\n",
    killers: [
      inRestless(
        "a controller without rest whose object a backup has undone unseen soon sees that it is gone",
      ),
    ],
  },
  {
    id: "own-write-hides-more-work",
    breaks: "what follows from a pass's own writes waits for somebody else's change",
    file: "controllers/runtime/controller/driver.ts",
    find: "    const follows = changed && this.#follows(pass, { rendered, calls });\n",
    replace: "    const follows = changed && rendered === calls;\n",
    killers: [
      inRestless(
        "an object that comes to rest gets another pass when its render asks for more once the first child is there",
      ),
    ],
  },
];
