// Who led which partition when somebody last said so. A hint, never the truth: a member that does
// not lead says who does, so a wrong memory costs one more step.

/** Partitions that are remembered; beyond, those longest unused are forgotten. */
const PARTITIONS_MAX = 65_536;

/** Addresses of leaders by class and partition. */
export class Leaders {
  readonly #addresses = new Map<string, string>();
  readonly #partitionsMax: number;

  constructor(partitionsMax = PARTITIONS_MAX) {
    this.#partitionsMax = partitionsMax;
  }

  /** The link of the member that led the partition last. */
  get(cls: string, partition: number): string | undefined {
    return this.#addresses.get(keyOf(cls, partition));
  }

  /** It answered as leader, or another member said that it leads. */
  remember(cls: string, partition: number, address: string): void {
    const key = keyOf(cls, partition);
    if (this.#addresses.get(key) === address) return;
    this.#addresses.delete(key);
    this.#addresses.set(key, address);
    if (this.#addresses.size <= this.#partitionsMax) return;
    for (const oldest of this.#addresses.keys()) {
      this.#addresses.delete(oldest);
      return;
    }
  }

  /** The member at this address could not be reached, or does not lead. */
  forget(cls: string, partition: number, address: string): void {
    const key = keyOf(cls, partition);
    if (this.#addresses.get(key) === address) this.#addresses.delete(key);
  }
}

function keyOf(cls: string, partition: number): string {
  return `${partition}/${cls}`;
}
