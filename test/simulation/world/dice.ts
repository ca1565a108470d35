// All randomness of a run comes from its seed through here; the operators' kit has it.
export { Dice } from "#controllers/runtime/testing/simulation/dice.ts";
