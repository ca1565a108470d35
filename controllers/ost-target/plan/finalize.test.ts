import { describe, expect, it } from "@jest/globals";

import type { OstStatus } from "#api/workload/ost.ts";

import { ACCEPT_DATA_LOSS, finalize } from "./finalize.ts";
import type { Observed } from "./plan.ts";

function known(change: Partial<OstStatus>): Observed["seen"] {
  const status = { incarnation: "i1", objects: 0, ...change } as OstStatus;
  return { kind: "known", status };
}

const deletionTimestamp = "2030-01-01T00:00:00Z";
const closedFor = `t-uid@${deletionTimestamp}`;

function observed(change: Partial<Observed>, annotations = {}): Observed {
  const metadata = { name: "a", uid: "t-uid", annotations, deletionTimestamp };
  const target = { metadata } as Observed["target"];
  const record = { target: "t-uid", incarnation: "i1" };
  return { target, record, claim: "kept", seen: { kind: "absent" }, othersDown: [], ...change };
}

const done = { kind: "done", children: [] };
const loss = (incarnation: string) => ({ [ACCEPT_DATA_LOSS]: incarnation });

describe("a target goes with all its children", () => {
  it.each([
    ["when nothing is on its disk and nothing can come", observed({ seen: known({ closedFor }) })],
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
    ["while some are left", observed({ seen: known({ objects: 1, closedFor }) }), "InUse"],
    ["while objects may still come", observed({ seen: known({}) }), "Draining"],
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

describe("the program of a target that goes", () => {
  const order = { kind: "close-disk", target: "a", holder: closedFor };

  it.each([
    ["takes new objects", {}, [order]],
    ["takes new objects and has some", { objects: 3 }, [order]],
    ["is closed for an earlier target", { closedFor: "x" }, [order]],
    ["is closed since this one was deleted before", { closedFor: "t-uid@2029" }, [order]],
    ["is closed for this end, and has some", { objects: 3, closedFor }, []],
  ] as const)("%s: what it is told", (_name, status, calls) => {
    expect(finalize(observed({ seen: known(status) }))).toMatchObject({ kind: "waiting", calls });
  });

  it("is told nothing where another disk is served", () => {
    const seen = known({ incarnation: "x" });
    expect(finalize(observed({ seen }))).not.toHaveProperty("calls");
  });
});
