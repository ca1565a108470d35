import { describe, expect, it } from "@jest/globals";

import { parseDockerfile } from "./dockerfile.ts";

describe("parseDockerfile", () => {
  it("reads the declaration of the last stage and skips what the builder does itself", () => {
    const text = [
      "# comment",
      "FROM node:24 AS build",
      "ENV LOST=1",
      "RUN npm ci && \\",
      "    npm run build",
      "FROM scratch",
      "COPY --from=build /app /app",
      "USER 65532:65532",
      "EXPOSE 9090 8080/tcp",
      'ENV A=1 B="two words"',
      'LABEL org.opencontainers.image.source="here"',
      'ENTRYPOINT ["/node", "--max-semi-space-size=32", "/app/main.mjs"]',
      'CMD ["--listen", "0.0.0.0:8080"]',
    ].join("\n");
    expect(parseDockerfile(text, "Dockerfile")).toEqual({
      entrypoint: ["/node", "--max-semi-space-size=32", "/app/main.mjs"],
      cmd: ["--listen", "0.0.0.0:8080"],
      env: ["A=1", "B=two words"],
      exposedPorts: ["8080/tcp", "9090/tcp"],
      labels: { "org.opencontainers.image.source": "here" },
    });
  });

  it("starts main.mjs when nothing is said", () => {
    expect(parseDockerfile("FROM scratch\n", "f").entrypoint).toEqual(["/node", "/app/main.mjs"]);
  });

  it.each([
    { text: "FROM a\nUSER root", want: "f:2: USER must be 65532:65532" },
    { text: 'ENTRYPOINT ["/bin/sh"]', want: "f:1: ENTRYPOINT must start /node" },
    { text: "ENTRYPOINT node main", want: "there is no shell" },
    { text: "CMD [1]", want: "list of strings" },
    { text: "EXPOSE http", want: "bad port http" },
    { text: "ENV A 1", want: "want NAME=value" },
    { text: "HEALTHCHECK NONE", want: "HEALTHCHECK has no meaning" },
    { text: "VOLUME", want: "VOLUME without a value" },
  ])("refuses $text", ({ text, want }) => {
    expect(() => parseDockerfile(text, "f")).toThrow(want);
  });
});
