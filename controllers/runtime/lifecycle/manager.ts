// Kept for an import elsewhere; the public face is index.ts.
export { Manager } from "./operator-process.ts";
