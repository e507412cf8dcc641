// A real OpenID provider on loopback, for tests/oidc.py: `node provider.mjs` with a configuration as JSON on stdin.
//
// What a token is for is said by its resource: urn:weighlock:RS256 (or another `alg`) is a JWT for the gateway,
// urn:weighlock:opaque is an opaque one, urn:weighlock:approvals is an approver's. Browsers are sent back to `redirects`. A request's `x-claims` and `x-lifetime`
// become claims and seconds of the token: anybody can be anybody here.
import http from "node:http";
import { json } from "node:stream/consumers";

const { port, keys, audience, approvals, accounts, redirects } = await json(process.stdin);

const warn = console.warn;
console.warn = (text, ...more) => String(text).includes("Unsupported runtime") || warn(text, ...more);
console.info = () => {};
const { Provider } = await import("oidc-provider");

const secret = { client_secret: "secret", redirect_uris: [], response_types: [] };
const job = { ...secret, grant_types: ["client_credentials"] };

const server = http.createServer();
await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
const url = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(url, {
  jwks: { keys },
  cookies: { keys: ["test"] },
  clients: [
    { ...job, client_id: "nightly" },
    { ...job, client_id: "bound", dpop_bound_access_tokens: true },
    { ...secret, client_id: "gateway", grant_types: [] },
    {
      client_id: "console",
      grant_types: ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
      redirect_uris: redirects,
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    },
    {
      client_id: "console-with-secret",
      client_secret: "secret",
      grant_types: ["authorization_code"],
      redirect_uris: redirects,
      response_types: ["code"],
    },
    {
      client_id: "approver-cli",
      application_type: "native",
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "none",
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: true },
    dPoP: { enabled: true },
    introspection: { enabled: true, allowedPolicy: (ctx, client) => client.clientId === "gateway" },
    revocation: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      getResourceServerInfo(ctx, resource) {
        const kind = resource.replace("urn:weighlock:", "");
        return {
          audience: kind === "approvals" ? approvals : audience,
          scope: "invoke approve",
          accessTokenTTL: Number(ctx.get("x-lifetime") || 300),
          accessTokenFormat: kind === "opaque" ? "opaque" : "jwt",
          jwt: { sign: { alg: kind === "approvals" ? "RS256" : kind } },
        };
      },
    },
  },
  extraTokenClaims: (ctx, token) => ({ ...accounts[token.accountId], ...JSON.parse(ctx.get("x-claims") || "{}") }),
  findAccount: (ctx, id) => accounts[id] && { accountId: id, claims: () => ({ sub: id, ...accounts[id] }) },
  conformIdTokenClaims: false,
  claims: { openid: ["sub"], email: ["email"], groups: ["groups"] },
  ttl: { AccessToken: 300, ClientCredentials: 300, DeviceCode: 600, Grant: 3600, IdToken: 300, Interaction: 600, Session: 3600 },
});
server.on("request", provider.callback());
console.log(`LISTEN ${url}`);
