// The function behind fn-echo; stateless.
import type { Answer, Invocation } from "../../index.ts";

/** The payload back, with its content type if the caller named one. */
export function echo(call: Invocation): Answer {
  const type = call.options["content-type"];
  return {
    payload: call.payload,
    ...(type === undefined ? {} : { headers: { "content-type": type } }),
  };
}
