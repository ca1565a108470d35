// Power loss under write load: the folder is rebuilt as of many moments, with what was not synced
// dropped, reordered and torn, and served again. Nothing acknowledged may be lost; the same check
// must fail when fdatasync does nothing.
import { afterEach, describe, expect, it } from "@jest/globals";

import type { CrashImage, Recording } from "#test/support/power/index.ts";
import { startRecording } from "#test/support/power/index.ts";

import { parseOdgmEnv } from "#api/workload/odgm.ts";
import { startOdgm as serve } from "#workloads/odgm/odgm.ts";
import { runShutdown, silentLogger } from "#workloads/platform/index.ts";

import { DataClient } from "./data-client.ts";
import {
  clearAll,
  ODGM_MAIN,
  portsIn,
  scratch,
  standaloneArgs,
  startOdgm,
  startStandalone,
  stopOdgm,
} from "./odgm-process.ts";
import type { History } from "./write-load.ts";
import { Load, problemsOf } from "./write-load.ts";

const SEED = 20261121;
const IMAGES = 40;
const collection = { name: "example.load" };
const recordings: Recording[] = [];

afterEach(async () => {
  for (const recording of recordings.splice(0)) await recording.discard();
  await clearAll();
});

/** A formatted store under load, recorded, then killed. */
async function recordLoad(
  stub?: readonly "fdatasync"[],
): Promise<{ readonly recording: Recording; readonly history: History }> {
  const dataDir = scratch();
  await stopOdgm(await startStandalone([collection], { dataDir }));
  const command = [process.execPath, ODGM_MAIN, ...standaloneArgs(dataDir)];
  const running = await startRecording({
    command,
    dataDir,
    env: { LOG_FORMAT: "plain" },
    // Readers and the writer of this process meet there; it is made anew after a crash.
    ignore: (path) => path === "store.mdb-lock",
    ...(stub === undefined ? {} : { stub }),
  });
  const port = await new Promise<number>((resolve) => {
    let text = "";
    running.child.stdout?.resume();
    running.child.stderr?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      const ports = portsIn(text);
      if (ports !== undefined) resolve(ports.grpc);
    });
  });
  const client = new DataClient(`127.0.0.1:${port}`, collection.name);
  const load = new Load(client, { prefix: "p", workers: 8 });
  const done = load.run();
  await load.reached(250);
  process.kill(await running.pid(), "SIGKILL");
  await done;
  client.close();
  const recording = await running.finish();
  recordings.push(recording);
  return { recording, history: load.history };
}

/** Serves the image in this process and looks at every object. */
async function problemsOfImage(image: CrashImage, history: History): Promise<readonly string[]> {
  const parsed = parseOdgmEnv({ ODGM_DATA_DIR: image.folder, ODGM_LISTEN: "127.0.0.1:0" });
  if (parsed.kind !== "ok") throw new Error(parsed.problems.join());
  const odgm = await serve({
    config: parsed.config,
    log: silentLogger,
    version: "test",
    onStoreFailure: (cause) => {
      throw cause;
    },
  });
  const client = new DataClient(`127.0.0.1:${odgm.ports.grpc}`, collection.name);
  try {
    return await problemsOf(client, history, image.cutAtMs);
  } finally {
    client.close();
    await runShutdown(odgm.shutdown, { boundMs: 10_000, log: silentLogger });
  }
}

/** As above in a process of its own: a store that the disk has lied to may end whoever maps it. */
async function problemsOfImageApart(
  image: CrashImage,
  history: History,
): Promise<readonly string[]> {
  const odgm = await startOdgm({ args: standaloneArgs(image.folder) });
  const client = new DataClient(odgm.at("grpc"), collection.name);
  try {
    return await problemsOf(client, history, image.cutAtMs);
  } finally {
    client.close();
    odgm.kill("SIGKILL");
    await odgm.ended;
  }
}

describe("power loss under write load", () => {
  it("loses nothing that was acknowledged", async () => {
    const { recording, history } = await recordLoad();
    const problems: string[] = [];
    for await (const image of recording.crashImages(SEED, IMAGES)) {
      const found = await problemsOfImage(image, history);
      problems.push(...found.map((problem) => `${image.name}: ${problem}`));
    }
    expect(problems).toEqual([]);
  });

  it("is noticed by this test when fdatasync does nothing", async () => {
    const { recording, history } = await recordLoad(["fdatasync"]);
    const problems: string[] = [];
    for await (const image of recording.crashImages(SEED, IMAGES)) {
      const found = await problemsOfImageApart(image, history).catch((cause: unknown) => [
        String(cause),
      ]);
      problems.push(...found);
      if (problems.length > 0) break;
    }
    expect(problems).not.toEqual([]);
  });
});
