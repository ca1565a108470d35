// A Merkle search tree (Auvolat and Taiani, "Merkle Search Trees: Efficient State-Based CRDTs in
// Open Networks", SRDS 2019): a search tree whose shape depends on its keys alone. The level of a
// key is the number of leading zero hex digits of its hash, so a page holds 16 keys on average and
// a million keys are five levels. Pages are hashed when asked for; equal ranges have equal hashes.
//
// Beyond the paper: `range` cuts out the canonical tree of any open range, so that two members
// compare the same range even where their trees are shaped differently around it.
import { assert } from "#api/base/index.ts";

/** 16 bytes as a text of 16 characters U+0000 to U+00FF: compares and keeps cheaper than bytes. */
export type Digest = string;

/** A 128-bit hash of good quality (XXH3-128). Reads `data` only during the call. */
export type Digester = (data: Uint8Array) => Digest;

/** The digest of a range without keys. */
export const EMPTY_DIGEST: Digest = "";

/** Keys strictly between; undefined is no bound. */
export interface KeyRange {
  readonly low: string | undefined;
  readonly high: string | undefined;
}

/** The top page of a range. `children[i]` covers what lies before `keys[i]`, the last the rest. */
export interface PageView {
  readonly keys: readonly string[];
  readonly digests: readonly Digest[];
  /** One more than keys; {@link EMPTY_DIGEST} where there is nothing. */
  readonly children: readonly Digest[];
}

interface Page {
  readonly level: number;
  readonly keys: string[];
  readonly digests: Digest[];
  /** One more than keys; pages of lower levels. */
  readonly children: (Page | undefined)[];
  hash: Digest | undefined;
}

/** Keys (ASCII, at most 65,535 characters) with a digest each. Not shared between turns. */
export class MerkleSearchTree {
  readonly #digest: Digester;
  #root: Page | undefined;
  #count = 0;
  #scratch = new Uint8Array(4096);

  constructor(digest: Digester) {
    this.#digest = digest;
  }

  /** Number of keys. */
  get count(): number {
    return this.#count;
  }

  /** The digest of everything; {@link EMPTY_DIGEST} if there is nothing. */
  get root(): Digest {
    return this.#hashOf(this.#root);
  }

  /** The digest of a key; undefined if it is not there. */
  get(key: string): Digest | undefined {
    let page = this.#root;
    while (page !== undefined) {
      const at = position(page.keys, key);
      if (page.keys[at] === key) return page.digests[at];
      page = page.children[at];
    }
    return undefined;
  }

  /** Adds the key or replaces its digest. */
  set(key: string, digest: Digest): void {
    this.#root = this.#insert(this.#root, { key, digest, level: this.#levelOf(key) });
  }

  /** Removes the key if it is there. */
  delete(key: string): void {
    if (this.get(key) === undefined) return;
    this.#count -= 1;
    assert(this.#root !== undefined, "a tree with a key has a page");
    this.#root = remove(this.#root, key);
  }

  /** Keys of the range in order. */
  *keys(range: KeyRange = { low: undefined, high: undefined }): Iterable<string> {
    yield* keysOf(this.#root, range);
  }

  /** The digest of a range: equal exactly (but for collisions) if keys and digests are. */
  rangeDigest(range: KeyRange): Digest {
    return this.#hashOf(cut(this.#root, range));
  }

  /** The top page of a range; undefined if there is no key in it. */
  range(range: KeyRange): PageView | undefined {
    const page = cut(this.#root, range);
    if (page === undefined) return undefined;
    const children = page.children.map((child) => this.#hashOf(child));
    return { keys: [...page.keys], digests: [...page.digests], children };
  }

  #insert(page: Page | undefined, item: Item): Page {
    if (page === undefined) {
      this.#count += 1;
      return leaf(item, undefined, undefined);
    }
    if (item.level > page.level) {
      this.#count += 1;
      const [left, right] = split(page, item.key);
      return leaf(item, left, right);
    }
    page.hash = undefined;
    const at = position(page.keys, item.key);
    if (item.level < page.level) {
      page.children[at] = this.#insert(page.children[at], item);
    } else if (page.keys[at] === item.key) {
      page.digests[at] = item.digest;
    } else {
      this.#count += 1;
      const [left, right] = split(page.children[at], item.key);
      page.keys.splice(at, 0, item.key);
      page.digests.splice(at, 0, item.digest);
      page.children.splice(at, 1, left, right);
    }
    return page;
  }

  #levelOf(key: string): number {
    const bytes = this.#reserve(key.length);
    for (let at = 0; at < key.length; at += 1) bytes[at] = key.charCodeAt(at);
    const hash = this.#digest(bytes.subarray(0, key.length));
    let level = 0;
    for (let at = 0; at < hash.length; at += 1) {
      const byte = hash.charCodeAt(at);
      if (byte === 0) {
        level += 2;
        continue;
      }
      return byte < 16 ? level + 1 : level;
    }
    return level;
  }

  /** level | for each key: child, length, key, digest | last child; a child is 16 bytes. */
  #hashOf(page: Page | undefined): Digest {
    if (page === undefined) return EMPTY_DIGEST;
    if (page.hash !== undefined) return page.hash;
    // Children first: they use the same scratch bytes.
    for (const child of page.children) this.#hashOf(child);
    let size = 17;
    for (const key of page.keys) size += 34 + key.length;
    const bytes = this.#reserve(size);
    let at = 0;
    bytes[at++] = page.level;
    for (const [index, key] of page.keys.entries()) {
      at = put(bytes, at, page.children[index]?.hash ?? NO_CHILD);
      bytes[at++] = key.length >> 8;
      bytes[at++] = key.length & 0xff;
      at = put(bytes, at, key);
      at = put(bytes, at, page.digests[index] ?? NO_CHILD);
    }
    at = put(bytes, at, page.children[page.keys.length]?.hash ?? NO_CHILD);
    page.hash = this.#digest(bytes.subarray(0, at));
    return page.hash;
  }

  #reserve(size: number): Uint8Array {
    if (this.#scratch.byteLength < size) this.#scratch = new Uint8Array(size * 2);
    return this.#scratch;
  }
}

const NO_CHILD: Digest = "\0".repeat(16);

interface Item {
  readonly key: string;
  readonly digest: Digest;
  readonly level: number;
}

function put(bytes: Uint8Array, at: number, text: string): number {
  for (let index = 0; index < text.length; index += 1) bytes[at + index] = text.charCodeAt(index);
  return at + text.length;
}

function leaf(item: Item, left: Page | undefined, right: Page | undefined): Page {
  return {
    level: item.level,
    keys: [item.key],
    digests: [item.digest],
    children: [left, right],
    hash: undefined,
  };
}

/** Index of the first key that is not below `key`. */
function position(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? "") < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What lies before and after `key`, which itself is dropped. Leaves `page` as it is. */
function split(page: Page | undefined, key: string): readonly [Page | undefined, Page | undefined] {
  if (page === undefined) return [undefined, undefined];
  const at = position(page.keys, key);
  const isHere = page.keys[at] === key;
  const [left, right] = isHere
    ? [page.children[at], page.children[at + 1]]
    : split(page.children[at], key);
  const after = isHere ? at + 1 : at;
  if (!isHere && after === page.keys.length && right === undefined && left === page.children[at]) {
    return [page, undefined];
  }
  return [
    at === 0 ? left : slice(page, 0, at, { last: left }),
    after === page.keys.length ? right : slice(page, after, page.keys.length, { first: right }),
  ];
}

/** The keys from `from` to before `to`, with another first or last child. */
function slice(
  page: Page,
  from: number,
  to: number,
  ends: { readonly first?: Page | undefined; readonly last?: Page | undefined },
): Page {
  const children = page.children.slice(from, to + 1);
  if ("first" in ends) children[0] = ends.first;
  if ("last" in ends) children[to - from] = ends.last;
  return {
    level: page.level,
    keys: page.keys.slice(from, to),
    digests: page.digests.slice(from, to),
    children,
    hash: undefined,
  };
}

/** The canonical tree of an open range, sharing whatever lies wholly inside. */
function cut(page: Page | undefined, range: KeyRange): Page | undefined {
  const above = range.low === undefined ? page : split(page, range.low)[1];
  return range.high === undefined ? above : split(above, range.high)[0];
}

/** The tree without `key`, which is in it. */
function remove(page: Page, key: string): Page | undefined {
  page.hash = undefined;
  const at = position(page.keys, key);
  if (page.keys[at] !== key) {
    const child = page.children[at];
    assert(child !== undefined, "the key is below this page");
    page.children[at] = remove(child, key);
    return page;
  }
  const joined = join(page.children[at], page.children[at + 1]);
  if (page.keys.length === 1) return joined;
  page.keys.splice(at, 1);
  page.digests.splice(at, 1);
  page.children.splice(at, 2, joined);
  return page;
}

/** Two trees, all keys of `left` before all of `right`. */
function join(left: Page | undefined, right: Page | undefined): Page | undefined {
  if (left === undefined) return right;
  if (right === undefined) return left;
  if (left.level > right.level) {
    const last = left.children.length - 1;
    const children = left.children.with(last, join(left.children[last], right));
    return { ...left, children, hash: undefined };
  }
  if (left.level < right.level) {
    const children = right.children.with(0, join(left, right.children[0]));
    return { ...right, children, hash: undefined };
  }
  const middle = join(left.children[left.children.length - 1], right.children[0]);
  return {
    level: left.level,
    keys: [...left.keys, ...right.keys],
    digests: [...left.digests, ...right.digests],
    children: [...left.children.slice(0, -1), middle, ...right.children.slice(1)],
    hash: undefined,
  };
}

function* keysOf(page: Page | undefined, range: KeyRange): Iterable<string> {
  if (page === undefined) return;
  const from = range.low === undefined ? 0 : position(page.keys, range.low);
  for (let at = from; at <= page.keys.length; at += 1) {
    const key = page.keys[at];
    const isLow = key !== undefined && key === range.low;
    if (!isLow) yield* keysOf(page.children[at], range);
    if (key === undefined || (range.high !== undefined && key >= range.high)) return;
    if (!isLow) yield key;
  }
}
