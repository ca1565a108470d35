import { describe, expect, it } from "@jest/globals";

import { GrpcCode, isNotDone, REASON_ROWS, reasonRow } from "./reasons.ts";

describe("machine reasons", () => {
  it("that let a write go elsewhere are all temporary refusals", () => {
    for (const [reason, row] of Object.entries(REASON_ROWS)) {
      if (!isNotDone(reason)) continue;
      expect([reason, row.code]).toEqual([reason, GrpcCode.unavailable]);
    }
  });

  it.each(["LINK_LOST", "OUTCOME_UNKNOWN", "STORE_SUSPECT", "REQUEST_SETTLED", "SESSION_EXPIRED"])(
    "%s does not: the call may have been carried out",
    (reason) => {
      expect(isNotDone(reason)).toBe(false);
    },
  );

  it("leave no doubt that UNAVAILABLE is never said of a write that may have happened", () => {
    expect(REASON_ROWS.OUTCOME_UNKNOWN).toEqual({ code: GrpcCode.unknown, http: 502 });
  });

  it("of other programs have no row", () => {
    expect(reasonRow("constructor")).toBeUndefined();
    expect(isNotDone("NEVER_HEARD_OF")).toBe(false);
  });
});
