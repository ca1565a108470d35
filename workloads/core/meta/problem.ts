// Why a generation is not taken.

/** See the top of the file. */
export interface SpecProblem {
  readonly reason: "INVALID_SPEC" | "UNSUPPORTED";
  readonly message: string;
}

/** It contradicts itself, or what was agreed on before. */
export function invalid(message: string): SpecProblem {
  return { reason: "INVALID_SPEC", message };
}

/** It makes sense, and this release cannot do it. */
export function unsupported(what: string): SpecProblem {
  return { reason: "UNSUPPORTED", message: `${what} is not served` };
}
