// undici's agent by itself. The package's index also loads its fetch, WebSocket, cache and mocks:
// 12 MB and 100 ms of every start. Held to the pinned version by undici-agent.test.ts.
declare module "undici/lib/dispatcher/agent.js" {
  import type { Agent as UndiciAgent } from "undici";
  const Agent: typeof UndiciAgent;
  type Agent = UndiciAgent;
  export default Agent;
}
