// Random events of a group: writes of every kind, commits, pulls, time, restarts, messages.
import { utf8Encode } from "#api/base/index.ts";

import type { MergeWrite } from "../../merge/index.ts";
import type { Group } from "./group.ts";

const KINDS = ["register", "counter", "map", "document"] as const;

function anyWrite(random: () => number): MergeWrite {
  const pick = (count: number): number => Math.floor(random() * count);
  const key = `k${pick(2)}`;
  const luck = random();
  if (luck < 0.2) return { kind: "delete" };
  if (luck < 0.35) return { kind: "mutate", sets: [], deletes: [key], create: false };
  if (luck < 0.5) return { kind: "add", key, amount: pick(5) - 1 };
  const kind = KINDS[pick(4)] ?? "register";
  const value = {
    register: `v${pick(100)}`,
    counter: String(pick(10)),
    map: `{"f${pick(3)}":${pick(9)}}`,
    document: `w${pick(5)}`,
  }[kind];
  return {
    kind: "mutate",
    sets: [{ key: kind === "register" ? key : `${kind}-${key}`, kind, value: utf8Encode(value) }],
    deletes: [],
    create: false,
  };
}

/** So many random events in a group, decided by its own dice. */
export function chaos(group: Group, steps: number): void {
  const { random } = group;
  for (let step = 0; step < steps; step += 1) {
    const nodes = [...group.members.keys()];
    const pick = (): string => nodes[Math.floor(random() * nodes.length)] ?? "";
    const luck = random();
    if (luck < 0.25) group.write(pick(), `o${Math.floor(random() * 6)}`, anyWrite(random));
    else if (luck < 0.4) group.commit(pick());
    else if (luck < 0.55) group.pull(pick(), pick());
    else if (luck < 0.6) group.tick(Math.floor(random() * 3_000));
    else if (luck < 0.61) group.restart(pick());
    else group.deliver();
  }
}
