// kill -9 in the middle of writes: what was acknowledged is there, whole requests only.
import { afterAll, describe, expect, it } from "@jest/globals";

import { DataClient } from "./data-client.ts";
import { clearAll, scratch, startStandalone, stopOdgm } from "./odgm-process.ts";
import { Load, problemsOf } from "./write-load.ts";

const collection = { name: "example.load" };

afterAll(clearAll);

describe("kill -9 under write load", () => {
  it("loses nothing that was acknowledged and keeps no half of a request", async () => {
    const dataDir = scratch();
    for (let round = 0; round < 3; round += 1) {
      const odgm = await startStandalone([collection], { dataDir });
      const client = new DataClient(odgm.at("grpc"), collection.name);
      const load = new Load(client, { prefix: `r${round}`, workers: 16 });
      const running = load.run();
      await load.reached(300 + round * 50);
      odgm.kill("SIGKILL");
      await odgm.ended;
      await running;
      client.close();
      expect(load.history.size).toBeGreaterThan(16);

      const again = await startStandalone([collection], { dataDir });
      const reader = new DataClient(again.at("grpc"), collection.name);
      expect(await problemsOf(reader, load.history, Date.now())).toEqual([]);
      const listed = await reader.listObjects({ limit: 1024 });
      expect(await reader.counts()).toEqual([[0, BigInt(listed.length)]]);
      reader.close();
      expect(await stopOdgm(again)).toMatchObject({ code: 0 });
    }
  });
});
