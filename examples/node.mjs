// Node 24 or newer: NODE_USE_ENV_PROXY=1 HTTPS_PROXY=http://oidc:$TOKEN@$GATEWAY NODE_EXTRA_CA_CERTS=$CA URL=... node node.mjs
// Node 20 and 22 have no proxy of their own in fetch; there, tunnel as below.
import http from "node:http";
import https from "node:https";

const { GATEWAY, TOKEN, URL: base } = process.env;
const [host, port] = GATEWAY.split(":");
const target = new URL(`${base}/chat/completions`);

const connect = http.request({
  host,
  port,
  method: "CONNECT",
  path: target.host,
  headers: { "proxy-authorization": `Bearer ${TOKEN}` },
});
connect.on("connect", (answer, socket) => {
  if (answer.statusCode !== 200) throw new Error(`${answer.statusCode} ${answer.statusMessage}`);
  const request = https.request(target, {
    method: "POST",
    headers: { "content-type": "application/json" },
    socket,
    agent: false,
  });
  request.on("response", async (response) => {
    let text = "";
    for await (const part of response) text += part;
    const body = JSON.parse(text);
    console.log(body.error ? body.error.message : body.choices[0].message.content);
    socket.destroy();
  });
  request.end(JSON.stringify({ model: "demo", messages: [{ role: "user", content: "How do canal locks work?" }] }));
});
connect.end();
