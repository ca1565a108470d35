// The gateway as a client outside of the cluster calls it.

/** An answer with its body read. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

/** REST calls to one gateway. */
export class GatewayClient {
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  async request(method: string, path: string, body?: string): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { accept: "application/json", "content-type": "application/json" },
      ...(body === undefined ? {} : { body }),
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  /** Calls a stateless function of a class. */
  async invoke(cls: string, fn: string, body: string): Promise<Answer> {
    return await this.request("POST", `/api/class/${cls}/invokes/${fn}`, body);
  }

  /** Calls a function on an object. */
  async invokeOn(cls: string, id: string, fn: string, body: string): Promise<Answer> {
    return await this.request("POST", `/api/class/${cls}/objects/${id}/invokes/${fn}`, body);
  }

  /** Stores entries of an object; values are text. */
  async put(cls: string, id: string, entries: Readonly<Record<string, string>>): Promise<Answer> {
    const data = Object.fromEntries(
      Object.entries(entries).map(([key, value]) => [
        key,
        { data: Buffer.from(value).toString("base64"), type: 0 },
      ]),
    );
    return await this.request(
      "PUT",
      `/api/class/${cls}/objects/${id}`,
      JSON.stringify({ entries: data }),
    );
  }

  /** Entries of an object as text, or undefined if there is none (404). Throws on anything else. */
  async entries(cls: string, id: string): Promise<Readonly<Record<string, string>> | undefined> {
    const answer = await this.request("GET", `/api/class/${cls}/objects/${id}`);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(`GET ${cls}/${id}: ${answer.status} ${answer.text}`);
    const object = JSON.parse(answer.text) as { entries: Record<string, { data: string }> };
    return Object.fromEntries(
      Object.entries(object.entries).map(([key, value]) => [
        key,
        Buffer.from(value.data, "base64").toString(),
      ]),
    );
  }
}
