import { describe, expect, it } from "@jest/globals";

import { FRAME_BYTES_MAX } from "./outbox.ts";
import { Assemblies, PIECE_BYTES_MAX, piecesOf } from "./pieces.ts";

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at % 251);

describe("pieces", () => {
  it.each([0, 1, PIECE_BYTES_MAX, PIECE_BYTES_MAX + 1, 3 * PIECE_BYTES_MAX])(
    "of %i bytes come together again, none larger than a frame",
    (length) => {
      const pieces = piecesOf(bytes(length));
      expect(pieces.length).toBe(Math.max(1, Math.ceil(length / PIECE_BYTES_MAX)));
      const assemblies = new Assemblies();
      for (const [at, piece] of pieces.entries()) {
        expect(piece.byteLength).toBeLessThan(FRAME_BYTES_MAX);
        const assembled = assemblies.take(7, piece, at < pieces.length - 1);
        if (at < pieces.length - 1) expect(assembled).toEqual({ kind: "partial" });
        else expect(assembled).toMatchObject({ kind: "whole" });
        if (assembled.kind === "whole") {
          expect(Buffer.compare(assembled.bytes, bytes(length))).toBe(0);
        }
      }
      expect(assemblies.bytes).toBe(0);
    },
  );

  it("of several messages do not mix", () => {
    const assemblies = new Assemblies();
    assemblies.take(1, Buffer.from("a"), true);
    assemblies.take(2, Buffer.from("x"), true);
    expect(assemblies.take(1, Buffer.from("b"), false)).toMatchObject({ kind: "whole" });
    expect(assemblies.bytes).toBe(1);
    const last = assemblies.take(2, Buffer.from("y"), false);
    expect(last.kind === "whole" && Buffer.from(last.bytes).toString()).toBe("xy");
  });

  it("beyond the bound are dropped to the end of their message, and no further", () => {
    const assemblies = new Assemblies(3);
    assemblies.take(1, Buffer.from("ab"), true);
    assemblies.take(1, Buffer.from("cd"), true);
    expect(assemblies.bytes).toBe(0);
    expect(assemblies.take(1, Buffer.from("e"), false)).toEqual({ kind: "too-large" });
    expect(assemblies.take(1, Buffer.from("f"), false)).toMatchObject({ kind: "whole" });
  });

  it("of a call that was given up are forgotten", () => {
    const assemblies = new Assemblies();
    assemblies.take(1, Buffer.from("ab"), true);
    assemblies.drop(1);
    assemblies.drop(2);
    expect(assemblies.bytes).toBe(0);
  });
});
