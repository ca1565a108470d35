// Data that somebody keeps is never wiped.
import { expect, test } from "@jest/globals";
import { planReleases } from "./releaser.ts";

const disk = { volume: "node-1-volume-1", running: true };
const seen = {
  name: "node-1-volume-1",
  phase: "Released",
  reclaimPolicy: "Delete",
  deleting: false,
};

for (const { name, disks, volumes, want } of [
  { name: "Released under Delete is wiped", disks: [disk], volumes: [seen], want: ["wipe"] },
  {
    name: "Failed under Delete is wiped",
    disks: [disk],
    volumes: [{ ...seen, phase: "Failed" }],
    want: ["wipe"],
  },
  {
    name: "Released under Retain stays",
    disks: [disk],
    volumes: [{ ...seen, reclaimPolicy: "Retain" }],
    want: [],
  },
  { name: "Bound stays", disks: [disk], volumes: [{ ...seen, phase: "Bound" }], want: [] },
  { name: "Available stays", disks: [disk], volumes: [{ ...seen, phase: "Available" }], want: [] },
  {
    name: "one that is going is left",
    disks: [disk],
    volumes: [{ ...seen, deleting: true }],
    want: [],
  },
  { name: "one that is missing is offered", disks: [disk], volumes: [], want: ["offer"] },
  {
    name: "nothing on a node that is off",
    disks: [{ ...disk, running: false }],
    volumes: [seen],
    want: [],
  },
  {
    name: "a PV of somebody else is no disk of ours",
    disks: [],
    volumes: [{ ...seen, name: "foreign" }],
    want: [],
  },
]) {
  test(name, () => {
    expect(planReleases(disks, volumes).map((step) => step.action)).toEqual(want);
  });
}
