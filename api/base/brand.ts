// Branded primitives: two kinds of id that are both strings cannot be mixed up.

declare const brand: unique symbol;

/** `T` that only its own constructor function may make. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
