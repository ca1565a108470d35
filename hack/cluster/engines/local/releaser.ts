// Which local disks to wipe and which to offer again. Pure.

/** A PV of ours as the API server shows it. */
export interface SeenVolume {
  readonly name: string;
  readonly phase: string;
  readonly reclaimPolicy: string;
  readonly deleting: boolean;
}

/** A disk that the cluster has. */
export interface OfferedDisk {
  /** Name of its PV. */
  readonly volume: string;
  /** Whether its node is on, so that the disk can be reached. */
  readonly running: boolean;
}

/** One thing to do. `wipe` empties the disk and deletes the PV, `offer` makes it again. */
export interface ReleaseStep {
  readonly action: "wipe" | "offer";
  readonly volume: string;
}

/**
 * Steps in order of the disks. A PV is wiped only when it is Released or Failed under reclaimPolicy
 * Delete: Available and Bound ones are in use, and Retain means that somebody wants the data.
 */
export function planReleases(
  disks: readonly OfferedDisk[],
  seen: readonly SeenVolume[],
): readonly ReleaseStep[] {
  const byName = new Map(seen.map((volume) => [volume.name, volume]));
  return disks.flatMap((disk): readonly ReleaseStep[] => {
    if (!disk.running) return [];
    const volume = byName.get(disk.volume);
    if (volume === undefined) return [{ action: "offer", volume: disk.volume }];
    const over = volume.phase === "Released" || volume.phase === "Failed";
    if (!over || volume.reclaimPolicy !== "Delete" || volume.deleting) return [];
    return [{ action: "wipe", volume: disk.volume }];
  });
}
