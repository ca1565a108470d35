// The objects of a target by id, in the order in which LIST shows them.
import type { ListPage, ObjectId } from "#workloads/core/ost/index.ts";

/** A map whose keys can be paged in ascending order. */
export class SortedObjects<Value> {
  readonly #values = new Map<ObjectId, Value>();
  readonly #ids: ObjectId[] = [];

  get size(): number {
    return this.#values.size;
  }

  get(id: ObjectId): Value | undefined {
    return this.#values.get(id);
  }

  values(): IterableIterator<Value> {
    return this.#values.values();
  }

  set(id: ObjectId, value: Value): void {
    if (!this.#values.has(id)) this.#ids.splice(this.#indexAfter(id), 0, id);
    this.#values.set(id, value);
  }

  delete(id: ObjectId): void {
    if (this.#values.delete(id)) this.#ids.splice(this.#indexAfter(id) - 1, 1);
  }

  /** At most `limit` ids greater than `after`; `next` is the last of them if more remain. */
  page(after: ObjectId, limit: number): ListPage {
    const start = this.#indexAfter(after);
    const ids = this.#ids.slice(start, start + limit);
    const next = ids.at(-1);
    return next === undefined || start + limit >= this.#ids.length ? { ids } : { ids, next };
  }

  /** Number of ids that are not greater than `id`. */
  #indexAfter(id: ObjectId): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] ?? id) <= id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
