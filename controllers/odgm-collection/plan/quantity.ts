// Sizes as Kubernetes writes them. The API server rewrites quantities ("1024Mi" as "1Gi"), so sizes
// are compared by value. Source: k8s.io/apimachinery/pkg/api/resource.

const SUFFIXES: Readonly<Record<string, number>> = {
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** Bytes of a size, rounded up; NaN if it is no quantity. */
export function quantityBytes(quantity: string | number): number {
  const match = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]?i?)$/.exec(String(quantity));
  const factor = SUFFIXES[match?.[2] ?? "?"];
  return factor === undefined ? Number.NaN : Math.ceil(Number(match?.[1]) * factor);
}
