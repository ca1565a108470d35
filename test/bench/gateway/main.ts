// Load on a gateway that runs already: REST PUT and GET of 200-byte values over keep-alive
// connections, each with one request in flight, from this process. One JSON line per operation.
//   npm run bench -- gateway --url http://127.0.0.1:8090 --class demo.Thing [--connections 64]
//     [--seconds 5] [--keys 1000] [--path 0/objects]
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

interface Options {
  readonly url: string;
  readonly cls: string;
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  readonly keys: number;
}

function parseOptions(): Options {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "http://127.0.0.1:8090" },
      class: { type: "string", default: "demo.Thing" },
      path: { type: "string", default: "0/objects" },
      connections: { type: "string", default: "64" },
      seconds: { type: "string", default: "5" },
      keys: { type: "string", default: "1000" },
    },
  });
  return {
    url: values.url,
    cls: values.class,
    path: values.path,
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    keys: Number(values.keys),
  };
}

const value = Buffer.alloc(200, "v").toString("base64");
const body = JSON.stringify({ entries: { value: { data: value, type: 0 } } });

/** One request; its status. */
function once(agent: Agent, options: Options, method: "PUT" | "GET", key: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const put = method === "PUT";
    const call = request(
      `${options.url}/api/class/${options.cls}/${options.path}/key-${key}`,
      {
        agent,
        method,
        headers: put
          ? { "content-type": "application/json", "content-length": body.length }
          : { accept: "application/x-protobuf" },
      },
      (response) => {
        response.resume();
        response.on("end", () => resolve(response.statusCode ?? 0));
        response.on("error", reject);
      },
    );
    call.on("error", reject);
    call.end(put ? body : undefined);
  });
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function run(options: Options, method: "PUT" | "GET"): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const tookMs: number[] = [];
  let failed = 0;
  let next = 0;
  const startedMs = performance.now();
  const endAtMs = startedMs + options.seconds * 1000;
  const worker = async (): Promise<void> => {
    while (performance.now() < endAtMs) {
      const key = next++ % options.keys;
      const sentMs = performance.now();
      const status = await once(agent, options, method, key);
      tookMs.push(performance.now() - sentMs);
      if (status !== 200) failed += 1;
    }
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  const seconds = (performance.now() - startedMs) / 1000;
  agent.destroy();
  tookMs.sort((a, b) => a - b);
  const round = (number: number): number => Math.round(number * 100) / 100;
  console.log(
    JSON.stringify({
      operation: `REST ${method}`,
      connections: options.connections,
      perSecond: Math.round(tookMs.length / seconds),
      failed,
      p50Ms: round(percentile(tookMs, 0.5)),
      p99Ms: round(percentile(tookMs, 0.99)),
    }),
  );
}

const options = parseOptions();
await run(options, "PUT");
await run(options, "GET");
