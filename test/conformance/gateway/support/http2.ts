// One REST request over prior-knowledge h2c.
import type { IncomingHttpHeaders } from "node:http2";
import { connect } from "node:http2";

/** Response over HTTP/2. */
export interface Http2Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends one request on a session of its own. */
export function http2Request(
  url: string,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Uint8Array | string;
  } = {},
): Promise<Http2Response> {
  return new Promise((resolve, reject) => {
    const session = connect(url);
    session.on("error", reject);
    const stream = session.request(
      { ":method": options.method ?? "GET", ":path": path, ...options.headers },
      { endStream: options.body === undefined },
    );
    const chunks: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    stream.on("error", reject);
    stream.on("response", (seen) => {
      headers = seen;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      session.close();
      resolve({ status: Number(headers[":status"]), headers, body: Buffer.concat(chunks) });
    });
    if (options.body !== undefined) stream.end(options.body);
  });
}
