// SHA-256 without a runtime: names of children must be computable in pure code, on both planes and
// in a browser. Not for secrets (not constant time). Source: FIPS 180-4, sections 4.1.2 to 6.2.2.

const K = Uint32Array.from(constants());
const INITIAL = Uint32Array.of(
  ...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a],
  ...[0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
);
/** Scratch of one call, which nothing can interrupt. */
const SCHEDULE = new Uint32Array(64);

/** The 32 bytes of SHA-256 over `data`. */
export function sha256(data: Uint8Array): Uint8Array {
  const out = new Uint8Array(32);
  const view = new DataView(out.buffer);
  digest(data).forEach((word, index) => view.setUint32(index * 4, word));
  return out;
}

/** SHA-256 over `data` in lower-case hexadecimal, 64 characters. */
export function sha256Hex(data: Uint8Array): string {
  let text = "";
  for (const word of digest(data)) text += word.toString(16).padStart(8, "0");
  return text;
}

/** The eight words of the digest. */
function digest(data: Uint8Array): Uint32Array {
  const state = INITIAL.slice();
  const padded = pad(data);
  const view = new DataView(padded.buffer);
  for (let offset = 0; offset < padded.length; offset += 64) compress(state, view, offset);
  return state;
}

/** Message, 0x80, zeros, bit length as u64 big-endian; a multiple of 64 bytes. */
function pad(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = Math.ceil((data.length + 9) / 64) * 64;
  const padded = new Uint8Array(size);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(size - 8, Math.floor(data.length / 0x20000000));
  view.setUint32(size - 4, (data.length << 3) >>> 0);
  return padded;
}

function compress(state: Uint32Array, blocks: DataView, offset: number): void {
  const w = SCHEDULE;
  for (let t = 0; t < 16; t++) w[t] = blocks.getUint32(offset + t * 4);
  for (let t = 16; t < 64; t++) {
    const w15 = at(w, t - 15);
    const w2 = at(w, t - 2);
    const s0 = rotr(w15, 7) ^ rotr(w15, 18) ^ (w15 >>> 3);
    const s1 = rotr(w2, 17) ^ rotr(w2, 19) ^ (w2 >>> 10);
    w[t] = s1 + at(w, t - 7) + s0 + at(w, t - 16);
  }
  let a = at(state, 0);
  let b = at(state, 1);
  let c = at(state, 2);
  let d = at(state, 3);
  let e = at(state, 4);
  let f = at(state, 5);
  let g = at(state, 6);
  let h = at(state, 7);
  for (let t = 0; t < 64; t++) {
    const big1 = rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25);
    const t1 = (h + big1 + ((e & f) ^ (~e & g)) + at(K, t) + at(w, t)) | 0;
    const big0 = rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22);
    const t2 = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = at(state, 0) + a;
  state[1] = at(state, 1) + b;
  state[2] = at(state, 2) + c;
  state[3] = at(state, 3) + d;
  state[4] = at(state, 4) + e;
  state[5] = at(state, 5) + f;
  state[6] = at(state, 6) + g;
  state[7] = at(state, 7) + h;
}

function rotr(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

/** Indices here are always in range; the type of an array element cannot say so. */
function at(words: Uint32Array, index: number): number {
  return words[index] ?? 0;
}

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes (4.2.2). */
function constants(): readonly number[] {
  const found: number[] = [];
  for (let n = 2n; found.length < 64; n++) {
    if (isPrime(n)) found.push(Number(icbrt(n << 96n) & 0xffffffffn));
  }
  return found;
}

function isPrime(n: bigint): boolean {
  for (let d = 2n; d * d <= n; d++) if (n % d === 0n) return false;
  return true;
}

/** The integer cube root: the largest r with r^3 <= n. */
function icbrt(n: bigint): bigint {
  let low = 0n;
  let high = 1n << 40n;
  while (low < high) {
    const middle = (low + high + 1n) >> 1n;
    if (middle ** 3n <= n) low = middle;
    else high = middle - 1n;
  }
  return low;
}
