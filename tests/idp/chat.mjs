// OpenAI's SDK for Node through a proxy: PROXY=http://user:token@host:port CA=file URL=base HTTP2=1 ASKED=json node chat.mjs
// Writes which HTTP it spoke, and what it was answered, whole and as a stream, as JSON.
import { readFileSync } from "node:fs";
import http from "node:http";
import tls from "node:tls";
import OpenAI from "openai";
import { Agent, fetch } from "undici";

const { PROXY, CA, URL: baseURL, HTTP2, ASKED } = process.env;
const spoken = new Set();

// undici's own ProxyAgent offers HTTP/1.1 first, also where HTTP/2 is allowed, and mitmproxy takes the first.
function connect({ hostname, port }, done) {
  const { host, hostname: proxy, port: at, username, password } = new URL(PROXY);
  const credential = Buffer.from(`${username}:${password}`).toString("base64");
  const headers = { host, "proxy-authorization": `Basic ${credential}` };
  const tunnel = http.request({ host: proxy, port: at, method: "CONNECT", path: `${hostname}:${port}`, headers });
  tunnel.on("error", done).on("connect", (answer, raw) => {
    if (answer.statusCode !== 200) return done(new Error(`${answer.statusCode} ${answer.statusMessage}`));
    const offered = [HTTP2 ? "h2" : "http/1.1"];
    const socket = tls.connect({ socket: raw, servername: hostname, ca: readFileSync(CA), ALPNProtocols: offered });
    socket.on("error", done).on("secureConnect", () => {
      spoken.add(socket.alpnProtocol);
      done(null, socket);
    });
  });
  tunnel.end();
}

const dispatcher = new Agent({ connect, allowH2: Boolean(HTTP2) });
const client = new OpenAI({ baseURL, apiKey: "weighlock", maxRetries: 0, fetch, fetchOptions: { dispatcher } });
const asked = JSON.parse(ASKED);
const whole = await client.chat.completions.create(asked);
const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
console.log(JSON.stringify([[...spoken], whole, streamed]));
await dispatcher.close();
