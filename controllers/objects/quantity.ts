// Kubernetes quantities, exactly. The API server stores a quantity in canonical form ("0.5" comes
// back as "500m"), so a rendered object has to be canonical as well, or it never equals what is
// stored. Source: k8s.io/apimachinery/pkg/api/resource, "Quantity": no fractional digits, the
// exponent or suffix as large as possible, the family of suffixes as written.

/** Family of the suffix: 1Ki, 1k or 1e3. */
type Format = "Binary" | "Decimal" | "Exponent";

/** An exact value in units of 10^-9, and how it was written. */
export interface ParsedQuantity {
  readonly nano: bigint;
  readonly format: Format;
}

const NANO = 1_000_000_000n;
const binarySuffixes = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
// Index 0 is 10^-9, each next one a thousand times that.
const decimalSuffixes = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
const syntax = /^([+-]?)(\d+\.?\d*|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,3})?$/;

/** The value of a quantity, rounded away from zero at 10^-9; undefined if it is none. */
export function parseQuantity(given: string | number): ParsedQuantity | undefined {
  const match = syntax.exec(String(given));
  if (match === null) return undefined;
  const [, sign = "", digits = "", suffix = ""] = match;
  const [whole = "", fraction = ""] = digits.split(".");
  const mantissa = BigInt(whole + fraction);
  const scale = scaleOf(suffix);
  const divisor = 10n ** BigInt(fraction.length) * scale.divisor;
  const numerator = mantissa * NANO * scale.factor;
  const nano = (numerator + divisor - 1n) / divisor;
  return { nano: sign === "-" ? -nano : nano, format: scale.format };
}

/** The canonical text of a value. */
export function formatQuantity(value: ParsedQuantity): string {
  const magnitude = value.nano < 0n ? -value.nano : value.nano;
  const sign = value.nano < 0n ? "-" : "";
  const binary = value.format === "Binary" && magnitude >= 1024n * NANO && magnitude % NANO === 0n;
  if (binary) return sign + scaled(magnitude / NANO, 1024n, ["", ...binarySuffixes]);
  if (value.format === "Exponent") {
    const exponents = decimalSuffixes.map((_, i) => (i === 3 ? "" : `e${(i - 3) * 3}`));
    return sign + scaled(magnitude, 1000n, exponents);
  }
  return sign + scaled(magnitude, 1000n, decimalSuffixes);
}

/** The quantity as the API server writes it; text that is no quantity stays as it is. */
export function canonicalQuantity(given: string | number): string {
  const parsed = parseQuantity(given);
  return parsed === undefined ? String(given) : formatQuantity(parsed);
}

/** Canonical sum; what is no quantity counts as nothing. The first one's suffix family is kept. */
export function sumQuantities(given: readonly (string | number)[]): string {
  const parsed = given.map(parseQuantity).filter((q) => q !== undefined);
  const nano = parsed.reduce((sum, q) => sum + q.nano, 0n);
  return formatQuantity({ nano, format: parsed[0]?.format ?? "Decimal" });
}

function scaleOf(suffix: string): { factor: bigint; divisor: bigint; format: Format } {
  const binary = binarySuffixes.indexOf(suffix);
  if (binary !== -1) {
    return { factor: 1024n ** BigInt(binary + 1), divisor: 1n, format: "Binary" };
  }
  const decimal = decimalSuffixes.indexOf(suffix);
  const exponent = decimal === -1 ? Number(suffix.slice(1)) : (decimal - 3) * 3;
  const format = decimal === -1 ? "Exponent" : "Decimal";
  return exponent >= 0
    ? { factor: 10n ** BigInt(exponent), divisor: 1n, format }
    : { factor: 1n, divisor: 10n ** BigInt(-exponent), format };
}

/** The largest suffix under which `magnitude` has no fraction. */
function scaled(magnitude: bigint, base: bigint, suffixes: readonly string[]): string {
  if (magnitude === 0n) return "0";
  let rest = magnitude;
  let index = 0;
  while (rest % base === 0n && index < suffixes.length - 1) {
    rest /= base;
    index += 1;
  }
  return `${rest}${suffixes[index] ?? ""}`;
}
