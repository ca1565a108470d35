// A replica that lost part of its log, and what comes late: what it acknowledged since the loss
// counts, so nothing may take it away again.
import { describe, expect, it } from "@jest/globals";

import type { SnapshotHandle } from "./index.ts";
import { makeConfiguration } from "./index.ts";
import { makeEntries, N1, N2, N3, Solo } from "./testing/solo.ts";

const config = makeConfiguration([N1, N2, N3]);
const handle = "late" as SnapshotHandle;

/** It lost what it had behind entry 2, and has acknowledged entries 3 to 5 since. */
function refilled(): Solo {
  const solo = new Solo({ terms: [1], hard: { commit: 2 }, damaged: true });
  const refetch = { epoch: 1, target: 9 };
  const entries = makeEntries(3, [1, 1, 1]);
  solo.hear(N2, "append", { term: 1, prevIndex: 2, prevTerm: 1, commit: 2, entries, refetch });
  expect(solo.saidOf("append-ack")).toMatchObject([{ index: 5, suspect: true, logEpoch: 1 }]);
  return solo;
}

describe("a suspect replica that meets a snapshot", () => {
  it("keeps what it has acknowledged beyond it, and learns what is committed", () => {
    const base = { index: 4, term: 1, config, level: 1 };
    const solo = refilled().hear(N2, "snapshot", { term: 1, base, handle });
    expect(solo.status).toMatchObject({ suspect: true, last: 5, committed: 4 });
    expect(solo.saidOf("append-ack")).toMatchObject([{ index: 4 }]);
  });

  it("takes one that its log does not meet", () => {
    const base = { index: 7, term: 1, config, level: 1 };
    const solo = refilled().hear(N2, "snapshot", { term: 1, base, handle });
    expect(solo.status).toMatchObject({ last: 7, committed: 7 });
  });
});
