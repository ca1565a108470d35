import { describe, expect, it } from "@jest/globals";

import { WaitTimeoutError, waitUntil } from "./wait.ts";

describe("waitUntil", () => {
  it("returns the first answer that is one, zero and the empty text included", async () => {
    const answers = [undefined, false, null, 0, 1];
    const seen = await waitUntil(() => answers.shift(), {
      what: "an answer",
      deadlineMs: 10_000,
      intervalMs: 1,
    });
    expect(seen).toBe(0);
    expect(await waitUntil(() => "", { what: "text", deadlineMs: 0 })).toBe("");
  });

  it("goes on after an error", async () => {
    let looks = 0;
    const look = (): number => {
      looks += 1;
      if (looks < 3) throw new Error("not there");
      return looks;
    };
    expect(await waitUntil(look, { what: "it", deadlineMs: 10_000, intervalMs: 1 })).toBe(3);
  });

  it("looks once even without time, and tells what it saw", async () => {
    await expect(waitUntil(() => false, { what: "the moon", deadlineMs: 0 })).rejects.toThrow(
      "waited 0 s for the moon; last answer: false",
    );
    const cause = new Error("3 of 5 ready");
    const failing = waitUntil(() => Promise.reject(cause), { what: "pods", deadlineMs: 0 });
    await expect(failing).rejects.toThrow("waited 0 s for pods; last error: 3 of 5 ready");
    await expect(failing).rejects.toMatchObject({ name: "WaitTimeoutError", cause });
  });

  it("ends when a look does not come back", async () => {
    const hanging = waitUntil(() => new Promise<true>(() => undefined), {
      what: "an answer",
      deadlineMs: 10,
    });
    await expect(hanging).rejects.toThrow(WaitTimeoutError);
    await expect(hanging).rejects.toThrow("the last look did not come back");
  });
});
