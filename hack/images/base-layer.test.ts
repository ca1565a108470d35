import { describe, expect, it } from "@jest/globals";

import { parseLdd } from "./base-layer.ts";

describe("parseLdd", () => {
  it("finds libraries and the dynamic linker, not the kernel's page", () => {
    const output = [
      "\tlinux-vdso.so.1 (0x00007efce4e64000)",
      "\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007efce4b20000)",
      "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007efce493e000)",
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007efce4e66000)",
    ].join("\n");
    expect(parseLdd(output)).toEqual([
      "/lib/x86_64-linux-gnu/libm.so.6",
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
    ]);
  });

  it.each([
    { output: "\tlibatomic.so.1 => not found", want: "libatomic.so.1" },
    { output: "\tnot a dynamic executable", want: "no C library" },
  ])("refuses $output", ({ output, want }) => {
    expect(() => parseLdd(output)).toThrow(want);
  });
});
