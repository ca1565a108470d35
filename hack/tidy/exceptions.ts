// Breaches of a rule that are meant, each with its reason. An entry that matches nothing fails.
import type { TidyException } from "./model.ts";

/** Sorted by path. */
export const EXCEPTIONS: readonly TidyException[] = [];
