import { describe, expect, it } from "@jest/globals";

import { stampNames } from "../../../apply/stamp.ts";
import { KINDS } from "../../../kinds/builtin.ts";
import { inShop, WIDGET, widget, widgetController } from "../../widgets.ts";
import { SimWorld } from "../world.ts";
import { noLeak } from "./no-leak.ts";

const FINALIZERS = { metadata: { finalizers: ["example.io/held"] } };

/** A widget that was held and served when a backup without both came back. */
function restored() {
  const world = new SimWorld({ seed: 1, kinds: [WIDGET] });
  world.controllers = [widgetController({ calls: [], fail: false })];
  const { server } = world;
  const found: string[] = [];
  const look = noLeak.begin(world, (what) => found.push(what));
  server.userApply(WIDGET, widget("a", { text: "x" }));
  world.backUp();
  server.userPatch(WIDGET, inShop("a"), FINALIZERS);
  world.restore(0, { rewinds: true });
  const uid = server.read(WIDGET, inShop("a"))?.metadata.uid ?? "";
  const labels = { [stampNames(WIDGET.group).ownerUid]: uid };
  const metadata = { ...inShop("child"), labels };
  server.userApply(KINDS.ConfigMap, { apiVersion: "v1", kind: "ConfigMap", metadata });
  const leaks = (): readonly string[] => {
    look?.();
    return found;
  };
  return { server, leaks };
}

describe("no-leak", () => {
  it("blames nobody for what an owner leaves that a backup let go of", () => {
    const { server, leaks } = restored();
    server.userDelete(WIDGET, inShop("a"));
    expect(leaks()).toEqual([]);
  });

  it("sees what such an owner leaves once it is held again", () => {
    const { server, leaks } = restored();
    server.userPatch(WIDGET, inShop("a"), FINALIZERS);
    server.userPatch(WIDGET, inShop("a"), { metadata: { finalizers: [] } });
    server.userDelete(WIDGET, inShop("a"));
    expect(leaks()).toEqual([expect.stringContaining("child outlived its owner")]);
  });
});
