// How many disks a node has when nobody says otherwise.
import type { DiskSpec } from "../../engine.ts";

/**
 * Eight local PVs of 256 MiB and two raw disks of 512 MiB; sparse, so they cost what is written.
 */
export const DISKS_DEFAULT: Required<DiskSpec> = {
  volumes: 8,
  volumeMib: 256,
  raw: 2,
  rawMib: 512,
};
