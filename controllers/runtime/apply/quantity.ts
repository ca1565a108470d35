// The API server writes quantities in its own canonical form; comparing them as text would see a
// difference for ever. Source: apimachinery pkg/api/resource, quantity syntax.

const SUFFIX_EXPONENT: Readonly<Record<string, readonly [base: bigint, exponent: number]>> = {
  n: [10n, -9],
  u: [10n, -6],
  m: [10n, -3],
  "": [10n, 0],
  k: [10n, 3],
  M: [10n, 6],
  G: [10n, 9],
  T: [10n, 12],
  P: [10n, 15],
  E: [10n, 18],
  Ki: [2n, 10],
  Mi: [2n, 20],
  Gi: [2n, 30],
  Ti: [2n, 40],
  Pi: [2n, 50],
  Ei: [2n, 60],
};

/** Fields below which text is a quantity. */
const QUANTITY_FIELDS =
  "requests|limits|capacity|sizeLimit|hard|overhead|averageValue|storage|size|value";
const QUANTITY_PATH = new RegExp(`(^|\\.)(${QUANTITY_FIELDS})(\\.|\\[|$)`);

/** True if both are quantities of the same amount and the field at `path` may hold one. */
export function equalQuantities(path: string, a: unknown, b: unknown): boolean {
  if (!QUANTITY_PATH.test(path)) return false;
  const left = nano(a);
  return left !== undefined && left === nano(b);
}

/** Billionths, rounded up as the API server does; undefined if it is no quantity. */
function nano(value: unknown): bigint | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const match =
    /^([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/.exec(
      String(value),
    );
  if (match === null) return undefined;
  const [, sign = "", whole = "", fraction = "", exponent, suffix = ""] = match;
  if (whole === "" && fraction === "") return undefined;
  const scale =
    exponent !== undefined ? ([10n, Number(exponent)] as const) : SUFFIX_EXPONENT[suffix];
  if (scale === undefined) return undefined;
  const [base, power] = scale;
  let numerator = BigInt(`${whole}${fraction}`) * 1_000_000_000n;
  let denominator = 10n ** BigInt(fraction.length);
  if (power >= 0) numerator *= base ** BigInt(power);
  else denominator *= base ** BigInt(-power);
  const amount = (numerator + denominator - 1n) / denominator;
  return sign === "-" ? -amount : amount;
}
