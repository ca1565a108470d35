// What a settled world looks like to its users: the objects that people have made and those that
// belong to them, without what is another one in each run (uids, versions, times).
import type { KindId } from "#api/meta/index.ts";

import { stampNames } from "../../apply/stamp.ts";
import { kindId } from "../../kinds/kind.ts";
import type { Stored } from "../fake-storage.ts";
import { keyOfStored } from "../fake-storage.ts";
import type { SimWorld } from "./world.ts";

/** Fields that are counted or drawn; none of them is what somebody wants. */
const VOLATILE_FIELD =
  /^(creationTimestamp|lastTransitionTime|resourceVersion|uid|.*[gG]eneration)$/;
const UID = /uid-\d+/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g;

/** Kind, namespace and name as one text. */
export function placeOf(kind: KindId, stored: Stored): string {
  const { namespace, name } = keyOfStored(stored);
  return `${kindId(kind)} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

/**
 * Objects of the controllers' kinds and children whose owner is there, as JSON by place. Matches of
 * `volatile` are left out of every text.
 */
export function finalState(
  world: SimWorld,
  volatile: readonly RegExp[],
): ReadonlyMap<string, string> {
  const { storage } = world.server;
  const own = world.controllers.map(({ kind }) => kind);
  const names = [...new Set(own.map(({ group }) => group))].map(stampNames);
  const kinds = new Map(
    [...own, ...world.controllers.flatMap(({ children }) => children.map(({ kind }) => kind))].map(
      (kind) => [kindId(kind), kind] as const,
    ),
  );
  const found = new Map<string, string>();
  for (const kind of kinds.values()) {
    for (const stored of storage.list(kind)) {
      const { labels, annotations } = stored.object.metadata;
      const stamp = names.find(({ owner }) => annotations?.[owner] !== undefined);
      const ownerUid = stamp === undefined ? undefined : labels?.[stamp.ownerUid];
      const isOwn = own.some((one) => kindId(one) === kindId(kind));
      const isHeld = ownerUid === undefined ? isOwn : storage.has(ownerUid);
      if (!isHeld) continue;
      const dropped = new Set(names.map(({ applied }) => applied));
      const text = JSON.stringify(settled(stored.object, dropped), sorted);
      const masked = [UID, TIME, ...volatile].reduce(
        (now, mask) => now.replaceAll(mask, "*"),
        text,
      );
      found.set(placeOf(kind, stored), masked);
    }
  }
  return found;
}

function settled(value: unknown, dropped: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => settled(item, dropped));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([field]) => !VOLATILE_FIELD.test(field) && !dropped.has(field),
  );
  return Object.fromEntries(kept.map(([field, part]) => [field, settled(part, dropped)]));
}

/** Maps by name: which writer came first is nobody's business. */
function sorted(_field: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
