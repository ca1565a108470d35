import { describe, expect, it } from "@jest/globals";

import { GroupSync } from "./group-sync.ts";

interface Step {
  readonly resolve: () => void;
  readonly reject: (cause: Error) => void;
}

function recorded(): { readonly steps: Step[]; readonly group: GroupSync } {
  const steps: Step[] = [];
  const group = new GroupSync(
    () =>
      new Promise<void>((resolve, reject) => {
        steps.push({ resolve, reject });
      }),
  );
  return { steps, group };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("GroupSync", () => {
  it("shares one sync among the callers of a turn", async () => {
    const { steps, group } = recorded();
    const waits = [group.wait(), group.wait(), group.wait()];
    await turn();
    await turn();
    expect(steps).toHaveLength(1);
    steps[0]?.resolve();
    await Promise.all(waits);
  });

  it("never counts a sync that was already running", async () => {
    const { steps, group } = recorded();
    const first = group.wait();
    await turn();
    let done = false;
    const second = group.wait().then(() => {
      done = true;
    });
    steps[0]?.resolve();
    await first;
    await turn();
    expect(done).toBe(false);
    expect(steps).toHaveLength(2);
    steps[1]?.resolve();
    await second;
  });

  it("fails exactly those who waited for the failed sync", async () => {
    const { steps, group } = recorded();
    const first = group.wait();
    await turn();
    const second = group.wait();
    steps[0]?.reject(new Error("EIO"));
    await expect(first).rejects.toThrow("EIO");
    await turn();
    steps[1]?.resolve();
    await expect(second).resolves.toBeUndefined();
  });
});
