// Bugs of what a reconciler sees.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const STORE = "controllers/runtime/cache/store.ts";
const REFLECTOR = "controllers/runtime/cache/reflector.ts";
const inStore = testsOf("controllers/runtime/cache/store.test.ts");
const inInformers = testsOf("controllers/runtime/cache/informers.test.ts");
const inReflector = testsOf("controllers/runtime/cache/reflector.test.ts");
const inSafety = testsOf("controllers/runtime/controller/safety.test.ts");
const inRunner = testsOf("controllers/runtime/controller/runner.test.ts");

const inRestore = testsOf("test/simulation/operators/scenarios/restored-backup.test.ts");
const inSlowList = testsOf("test/simulation/operators/scenarios/slow-list.test.ts");
const SLOW_LIST = [1, 2, 3, 4, 5, 6].map((seed) =>
  inSlowList(`a list that takes seconds while the world changes undoes nothing, seed ${seed}`),
);

/** Stores, reflectors, order of versions. */
export const CACHE_MUTANTS: readonly Mutant[] = [
  {
    id: "versions-as-text",
    breaks: "resourceVersions are compared as text, so 10 is older than 9",
    file: "controllers/runtime/cache/resource-version.ts",
    find: "  if (a.length !== b.length) return a.length - b.length;\n",
    replace: "",
    killers: [inStore("compareVersions 9 and 10")],
  },
  {
    id: "own-write-not-cached",
    breaks: "a pass acts on a cache that is older than the controller's own last write",
    file: STORE,
    find: '    this.#set(keyText(keyOf(object)), object, "OwnWrite", writer);\n',
    replace: "",
    killers: [
      inStore("own writes count at once and hold against older news"),
      inRunner("faults acts on its own write although the watch is late"),
    ],
  },
  {
    id: "older-news-believed",
    breaks: "news that cannot be ordered takes the cache back behind the controller's own write",
    file: STORE,
    find: "    if (order === undefined || order < 0) return true;\n    this.#floors.delete(text);\n",
    replace:
      "    if (order !== undefined && order < 0) return true;\n    this.#floors.delete(text);\n",
    killers: [inStore("own writes with opaque versions wait for exactly the one that was written")],
  },
  {
    id: "late-answer-revives",
    breaks: "an answer that arrives after the watch told the object's end brings it back",
    file: STORE,
    find: "if (!this.#isPassed(object)) return",
    replace: "if (!isSame || !this.#isPassed(object)) return",
    killers: [
      inStore(
        "own writes whose answer comes after the watch has told the object's end do not bring it back",
      ),
    ],
  },
  {
    id: "overlay-without-uid",
    breaks: "a confirmed deletion hides the object that was made anew under the same name",
    file: STORE,
    find: 'floor.kind === "deleted" && floor.uid === object.metadata.uid',
    replace: 'floor.kind === "deleted"',
    killers: [
      inStore(
        "own writes a confirmed deletion hides late news of that object, not of its successor",
      ),
    ],
  },
  {
    id: "predecessor-ends-successor",
    breaks: "the end of an earlier object of this name removes the later one from the cache",
    file: STORE,
    find: "      if (order === undefined ? floor.uid !== object.metadata.uid : order < 0) return;\n",
    replace: "",
    killers: [inStore("own writes the end of a predecessor does not remove what was made anew")],
  },
  {
    id: "list-undoes-own-write",
    breaks: "a list that is older than the controller's own write removes what was written",
    file: STORE,
    find: '      if (floor?.kind === "written" && isNewer(floor.version, version)) continue;\n',
    replace: "",
    killers: [inStore("own writes survive a list that is older than they are")],
  },
  {
    id: "no-synthetic-delete",
    breaks: "what vanished during a gap of the watch is never told as gone",
    file: STORE,
    find: '      told.push({ object, previous: object, gone: true, cause, writer: "" });\n',
    replace: "",
    killers: [
      inStore("a list is swapped in at once and tells what vanished"),
      inReflector("a reflector relists after 410 and tells what vanished meanwhile"),
    ],
  },
  {
    id: "vanished-stays-cached",
    breaks: "a relist leaves objects in the cache that no longer exist",
    file: STORE,
    find: "      this.#drop(text, object);\n      told.push(",
    replace: "      told.push(",
    killers: [inStore("a list is swapped in at once and tells what vanished")],
  },
  {
    id: "half-filled-store",
    breaks: "listeners see a store that is half old and half new",
    file: STORE,
    find: '      told.push({ object, previous, gone: false, cause, writer: "" });\n',
    replace: '      this.#tell({ object, previous, gone: false, cause, writer: "" });\n',
    killers: [
      inStore("a list is swapped in at once and tells what vanished"),
      inReflector("a reflector never shows half of a streaming list"),
    ],
  },
  {
    id: "index-keeps-old-values",
    breaks: "an index finds an object under a value that it no longer has",
    file: STORE,
    find: "      if (previous !== undefined) erase(index, text, previous);\n",
    replace: "",
    killers: [inStore("indexes and listeners an index follows the object")],
  },
  {
    id: "bookmark-dropped",
    breaks: "the resume point of a quiet kind grows old, so that every break costs a full list",
    file: REFLECTOR,
    find: "        this.#reached(version);\n        return undefined;\n",
    replace: "        return undefined;\n",
    killers: [
      inReflector(
        "a reflector resumes without a list after a break, also on a quiet kind whose history is gone",
      ),
    ],
  },
  {
    id: "taken-back-by-a-replay",
    breaks:
      "a state that is told once more takes the watch back, and the next one revives the dead",
    file: REFLECTOR,
    find: "    if ((compareVersions(version, this.#version) ?? 1) < 0) return;\n",
    replace: "",
    killers: [inReflector("a reflector is not taken back by what a stream tells once more")],
  },
  {
    id: "resumes-from-before-the-list",
    breaks: "after a relist the watch resumes from the version of before it",
    file: REFLECTOR,
    find: '    this.#version = version;\n    this.#seen = version;\n    this.#lastError = "";\n',
    replace:
      '    this.#version = this.#seen === "" ? version : this.#seen;\n    this.#lastError = "";\n',
    killers: [inSafety("a watch resumes from its newest list")],
  },
  {
    id: "dead-stream-trusted",
    breaks: "a watch whose connection died silently is waited for, for ever",
    file: REFLECTOR,
    find: "      silent = true;\n      response.close();\n",
    replace: "      silent = true;\n",
    killers: [inReflector("a reflector leaves a silent stream and misses nothing")],
  },
  {
    id: "list-of-one-page",
    breaks: "only the first page of a list is read, and the rest counts as gone",
    file: REFLECTOR,
    find: "      next = page.next;\n",
    replace: '      next = "";\n',
    killers: [inReflector("a reflector pages a large list of one snapshot")],
  },
  {
    id: "watch-storm",
    breaks: "a server that ends every watch at once is asked again without a pause",
    file: REFLECTOR,
    find: '        if (livedMs < CLEAN_MS_MIN) throw new TransportError("watch ended at once");\n',
    replace: "",
    killers: [inReflector("a reflector does not storm a server that ends every watch at once")],
  },
  {
    id: "watch-ignores-retry-after",
    breaks: "a throttled watch comes back before the server wants it",
    file: REFLECTOR,
    find: "    this.#waitMs = Math.max(this.#waitMs, asked);\n",
    replace: "",
    killers: [inReflector("a reflector waits as long as the server asks")],
  },
  {
    id: "past-server-followed",
    breaks: "the watch goes on from a version that the restored server has not reached again",
    file: REFLECTOR,
    find: "    if (order !== undefined && order < 0) {\n      throw new RelistNeeded(",
    replace: "    if (order !== undefined && order > 0) {\n      throw new RelistNeeded(",
    killers: [
      inReflector(
        "a reflector sees that the server went back in time and counts on (streaming lists: true)",
      ),
    ],
  },
  {
    id: "version-says-all",
    breaks: "an object under a version that was given out twice stays cached as it never was",
    file: REFLECTOR,
    find: "      isDeepStrictEqual(cached, object)\n",
    replace: "      cached?.metadata.uid === object.metadata.uid\n",
    killers: [
      inReflector(
        "a reflector sees that the server went back in time and counts on (streaming lists: true)",
      ),
    ],
  },
  {
    id: "never-lists-anew",
    breaks: "a cache that was led astray by versions given out twice stays so",
    file: REFLECTOR,
    find: "(isDue || this.#isDoubted)",
    replace: "(this.#isDoubted)",
    killers: [inReflector("a reflector lists anew every hour, whatever the versions say")],
  },
  {
    id: "past-of-a-server-waited-out",
    breaks: "a cache that is known to be of another past stays so for half a minute",
    file: REFLECTOR,
    find: ' || reason === "rewound";\n',
    replace: ";\n",
    killers: [
      inReflector(
        "a reflector soon knows a server that went back in time, also after a long outage",
      ),
    ],
  },
  {
    id: "doubt-unheard",
    breaks: "a cache that has found out that it is wrong stays so for an hour",
    file: REFLECTOR,
    find: "      this.#isDoubted = true;\n",
    replace: "",
    killers: [
      inReflector("a reflector lists anew after a doubt during an open stream"),
      inReflector("a reflector lists anew after a doubt during a pause"),
    ],
  },
  {
    id: "write-after-the-past-dropped",
    breaks: "a pass acts on a cache older than its last write where versions are given out again",
    file: STORE,
    find: "    if (this.#isRewound(namespace)) return true;\n",
    replace: "",
    killers: [
      inStore(
        "own writes count at once where the server's data went back in time, until the next list",
      ),
    ],
  },
  {
    id: "untold-state-ignored",
    breaks: "an own write that the watch should have told, and did not, counts as old news",
    file: STORE,
    find: "    if (order === undefined || order <= 0) return false;\n",
    replace: "    if (order !== 0) return false;\n",
    killers: [
      inStore(
        "own writes that the watch is beyond and has never told show that the server went back in time",
      ),
    ],
  },
  {
    id: "blind-after-each-break",
    breaks: "streams that keep breaking leave the cache blind for half a minute each time",
    file: REFLECTOR,
    find: "      this.#waitMs = Math.min(this.#waitMs, followedMs);\n",
    replace: "",
    killers: [
      inReflector("a reflector is blind for no longer than it saw when streams keep breaking"),
    ],
  },
  {
    id: "secrets-cached-whole",
    breaks: "a metadata-only cache holds the data of what the controller has just written",
    file: "controllers/runtime/cache/informers.ts",
    find: "this.metadataOnly ? { apiVersion, kind, metadata } : object",
    replace: 'kind === "" ? { apiVersion, kind, metadata } : object',
    killers: [inSafety("a cache of metadata never holds data, not even of an own write")],
  },
  {
    id: "own-write-stays-selected",
    breaks: "an object that the controller's own write took out of a selection is still shown",
    file: "controllers/runtime/cache/informers.ts",
    find: "    else if (selected === false) this.store.left(object, writer);\n",
    replace: "    else if (selected === false) return;\n",
    killers: [
      inInformers(
        "informers do not show an object that our own write has taken out of their selection",
      ),
    ],
  },
  {
    id: "write-elsewhere-cached",
    breaks: "a cache of some namespaces shows an object of another one, for ever",
    file: "controllers/runtime/cache/informers.ts",
    find: "    if (this.namespaces.length > 0 && !this.namespaces.includes(namespace)) return;\n",
    replace: "",
    killers: [inInformers("informers take own writes only where their watch would show them")],
  },
  {
    id: "pages-for-ever",
    breaks: "a list whose snapshots are compacted away between pages never ends",
    file: REFLECTOR,
    find: "          this.#wholeList = true;\n",
    replace: "",
    killers: [
      inReflector(
        "a reflector asks for everything at once when snapshots never live until their last page",
      ),
    ],
  },
  {
    id: "outage-outlasts-itself",
    breaks: "a watch sleeps on for half a minute when the server is back",
    file: REFLECTOR,
    find: "      if (endsWithOutage) cancel",
    replace: "      if (!endsWithOutage) cancel",
    killers: [
      inReflector(
        "a reflector is back soon after a long outage, once anybody's request gets through",
      ),
    ],
  },
  {
    id: "restored-state-not-believed",
    breaks: "after etcd was restored from a backup the cache keeps what has never been",
    file: STORE,
    find: "      if (isMeant && floor.number <= mark) this.#floors.delete(text);\n",
    replace: "",
    killers: [
      inStore("own writes are in a list that was asked for later, at 1000009"),
      inRestore("an API server that is restored from a backup is believed, seed 1"),
      inRestore("an API server that is restored from a backup is believed, seed 2"),
      inRestore("an API server that is restored from a backup is believed, seed 3"),
      inRestore("an API server that is restored from a backup is believed, seed 4"),
    ],
  },
  {
    id: "slow-list-undoes-writes",
    breaks: "a list that was asked for before a write and arrives after it takes the write back",
    file: STORE,
    find: "      if (isMeant && floor.number <= mark) this.#floors.delete(text);\n",
    replace: "      if (isMeant) this.#floors.delete(text);\n",
    killers: SLOW_LIST,
  },
];
