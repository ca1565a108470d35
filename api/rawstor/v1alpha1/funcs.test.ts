import { describe, expect, it } from "@jest/globals";

import {
  chunkSizeBytes,
  effectiveOstTarget,
  effectivePolicy,
  effectiveRawstorVolume,
  effectiveTopology,
} from "./index.ts";

describe("targets", () => {
  it.each([
    { spec: { path: "/a" }, want: { kind: "path", path: "/a" } },
    { spec: { device: "/d" }, want: { kind: "device", device: "/d" } },
    {
      spec: { volumeClaimTemplate: { size: "1Gi" } },
      want: { kind: "claim", storageClassName: undefined, size: "1Gi" },
    },
  ])("on a $want.kind", ({ spec, want }) => {
    expect(effectiveOstTarget({ nodeName: "n", ...spec }).medium).toEqual(want);
  });

  it("stand where they say, else where their node is", () => {
    const labels = { "topology.rawstor.io/rack": "r1", "topology.kubernetes.io/zone": "z1" };
    expect(effectiveTopology({ nodeName: "n", topology: { rack: "r9" } }, labels)).toEqual({
      rack: "r9",
      zone: "z1",
    });
    expect(effectiveTopology({ nodeName: "n" }, {})).toEqual({ rack: undefined, zone: undefined });
  });
});

describe("volumes", () => {
  it.each([
    { size: "Whole", want: undefined },
    { size: "1Mi", want: 1_048_576 },
    { size: "64Mi", want: 67_108_864 },
    { size: "2Gi", want: 2_147_483_648 },
    { size: "1Ti", want: 1_099_511_627_776 },
  ] as const)("a chunk of $size", ({ size, want }) => {
    expect(chunkSizeBytes(size)).toBe(want);
  });

  it.each([
    { copies: 1, minCopies: 1 },
    { copies: 2, minCopies: 1 },
    { copies: 3, minCopies: 2 },
  ])("$copies copies need $minCopies", ({ copies, minCopies }) => {
    expect(effectivePolicy({ redundancy: { copies } }).redundancy).toEqual({
      kind: "copies",
      copies,
      minCopies,
    });
  });

  it("two copies on different hosts over all targets where nothing is said, and data is kept", () => {
    expect(effectiveRawstorVolume({ size: "1Gi" })).toEqual({
      mode: "Mutable",
      deletionPolicy: "Retain",
      policy: {
        chunkSize: "64Mi",
        redundancy: { kind: "copies", copies: 2, minCopies: 1 },
        targets: 0,
        failureDomain: "Host",
        checksum: "Xxh3",
        compression: "None",
        encrypted: false,
      },
    });
  });

  it("parity counts where both numbers are there", () => {
    const redundancy = { dataShards: 4, parityShards: 2 };
    expect(effectivePolicy({ redundancy }).redundancy).toEqual({ kind: "erasure", ...redundancy });
  });
});
