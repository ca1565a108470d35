import { describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";

import { ACCEPT_DATA_LOSS, finalize } from "./finalize.ts";
import type { Observed } from "./plan.ts";

function known(change: Partial<OstStatus>): Observed["seen"] {
  const status = { incarnation: "i1", objects: 0, ...change } as OstStatus;
  return { kind: "known", status };
}

function observed(change: Partial<Observed>, annotations = {}): Observed {
  const target = { metadata: { name: "a", uid: "t-uid", annotations } } as Observed["target"];
  const record = { target: "t-uid", incarnation: "i1" };
  return { target, record, claim: "kept", seen: { kind: "absent" }, othersDown: [], ...change };
}

const done = { kind: "done", children: [] };
const loss = (incarnation: string) => ({ [ACCEPT_DATA_LOSS]: incarnation });

describe("a target goes with all its children", () => {
  it.each([
    ["when nothing is on its disk", observed({ seen: known({}) })],
    ["when its disk was never formatted", observed({ record: { target: "t-uid" } })],
    ["when its loss is accepted by name", observed({ seen: known({ objects: 3 }) }, loss("i1"))],
    ["and goes on when its pod has gone before it", observed({ claim: "going" })],
    ["when there is no child but the record", observed({ claim: "none" })],
    ["when the lost disk is named", observed({}, loss("i1"))],
  ])("%s", (_name, seen) => {
    expect(finalize(seen)).toEqual(done);
  });
});

describe("a target waits, naming the way out,", () => {
  it.each([
    ["while objects are on it", observed({ seen: known({ objects: 3 }) }), "InUse"],
    ["while that is not known", observed({}), "Unreachable"],
    [
      "while another disk is served",
      observed({ seen: known({ incarnation: "x" }) }),
      "Unreachable",
    ],
    ["if another disk is named", observed({ seen: known({ objects: 3 }) }, loss("x")), "InUse"],
  ])("%s", (_name, seen, reason) => {
    expect(finalize(seen)).toMatchObject({
      kind: "waiting",
      reason,
      message: expect.stringContaining(`${ACCEPT_DATA_LOSS}=i1`),
    });
  });
});
