import { describe, expect, it } from "@jest/globals";

import { createLogger, silentLogger } from "../log/index.ts";
import { runShutdown } from "./index.ts";

describe("shutdown", () => {
  it("runs the steps in order, also after one that fails", async () => {
    const ran: string[] = [];
    const step = (name: string, fails = false) => ({
      name,
      run: () => {
        ran.push(name);
        if (fails) throw new Error("as it happens");
      },
    });
    const steps = [step("a"), step("b", true), step("c")];
    const result = await runShutdown(steps, { boundMs: 10_000, log: silentLogger });
    expect(ran).toEqual(["a", "b", "c"]);
    expect(result.failed).toEqual(["b"]);
  });

  it("is bounded: what hangs and what it keeps from running is named", async () => {
    const steps = [
      { name: "hangs", run: () => new Promise<void>(() => undefined) },
      { name: "never", run: () => undefined },
    ];
    const result = await runShutdown(steps, { boundMs: 1, log: silentLogger });
    expect(result.failed).toEqual(["hangs", "never"]);
  });
});

describe("a program that is still starting", () => {
  it("is closed once it has started", async () => {
    let closed = false;
    const steps = Promise.resolve([{ name: "late", run: () => void (closed = true) }]);
    const result = await runShutdown(steps, { boundMs: 10_000, log: silentLogger });
    expect([closed, result.failed]).toEqual([true, []]);
  });

  it("and never does, is given up", async () => {
    const steps = new Promise<never>(() => undefined);
    const result = await runShutdown(steps, { boundMs: 1, log: silentLogger });
    expect(result.failed).toEqual(["starting"]);
  });
});

describe("log", () => {
  const lines = (format: "json" | "plain"): readonly string[] => {
    const written: string[] = [];
    const write = (line: string): void => void written.push(line);
    const log = createLogger({ service: "s", level: "info", format, write });
    log.debug("not told");
    log.child({ part: "p" }).warn("told", { count: 2, text: "x" });
    return written;
  };

  it("writes one JSON object per line", () => {
    const [line, ...others] = lines("json");
    expect(others).toEqual([]);
    expect(JSON.parse(line ?? "")).toMatchObject({
      level: "warn",
      service: "s",
      message: "told",
      part: "p",
      count: 2,
    });
  });

  it("writes lines for people", () => {
    expect(lines("plain").join("")).toMatch(/^\S+Z WARN s told part=p count=2 text=x\n$/);
  });
});
