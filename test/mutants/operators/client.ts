// Bugs of requests.
import type { Mutant } from "#hack/mutants/model.ts";

import { testsOf } from "../killer.ts";

const REST = "controllers/runtime/client/rest-client.ts";
const inClient = testsOf("controllers/runtime/client/client.test.ts");
const inBreaker = testsOf("controllers/runtime/client/breaker.test.ts");
const inCredentials = testsOf("controllers/runtime/client/credentials.test.ts");

/** Calls, retries, credentials. */
export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    id: "fence-dropped",
    breaks: "a process that lost its lease still writes",
    file: REST,
    find: "    fence.check();\n",
    replace: "",
    killers: [
      inClient(
        "calls that write do not leave behind a closed fence, and those under way are given up",
      ),
    ],
  },
  {
    id: "write-outlives-fence",
    breaks: "a write that is under way when the lease is lost still arrives",
    file: REST,
    find: "    const signals = [fence.signal, ",
    replace: "    const signals = [",
    killers: [
      inClient(
        "calls that write do not leave behind a closed fence, and those under way are given up",
      ),
    ],
  },
  {
    id: "retry-after-ignored",
    breaks: "a throttled request comes back before the server wants it",
    file: REST,
    find: "asked * (1 + world.rng.next() / 4)",
    replace: "0",
    killers: [inClient("calls are repeated after 429 as late as the server asks, also writes")],
  },
  {
    id: "write-repeated-blindly",
    breaks: "a write whose answer was lost is sent again, though the server may have acted",
    file: REST,
    find: " || last || !isRead || cause.aborted) throw cause;",
    replace: " || last || cause.aborted) throw cause;",
    killers: [
      inClient("calls that write are not repeated when nobody knows whether the server acted"),
    ],
  },
  {
    id: "token-never-reloaded",
    breaks: "after an hour every request is refused, because the token is never read again",
    file: "controllers/runtime/client/credentials.ts",
    find: "monotonicMs() - readAtMs < REFRESH_MS",
    replace: "readAtMs >= 0",
    killers: [inCredentials("credentials are read again once a minute, not for every request")],
  },
  {
    id: "refused-token-kept",
    breaks: "a token that the server refuses is used until the next refresh",
    file: "controllers/runtime/client/credentials.ts",
    find: "      readAtMs = Number.NEGATIVE_INFINITY;\n",
    replace: "",
    killers: [inCredentials("credentials are read again at once after the server refused them")],
  },
  {
    id: "circuit-never-opens",
    breaks: "every pass waits for a cluster that does not answer",
    file: "controllers/runtime/client/breaker.ts",
    find: "    this.#failures++;\n",
    replace: "",
    killers: [
      inBreaker("a circuit opens after three requests without an answer, and then asks nobody"),
    ],
  },
  {
    id: "circuit-probes-in-crowds",
    breaks: "all objects at once find out whether a cluster is there again",
    file: "controllers/runtime/client/breaker.ts",
    find: "if (leftMs > 0 || this.#probing)",
    replace: "if (leftMs > 0)",
    killers: [
      inBreaker("a circuit lets one probe through at a time, and closes with the first answer"),
    ],
  },
];
