// bearer: stands before a Kith with access control on and adds an access token to every request, so that a load generator that knows nothing of
// tokens can put its load on it. Registers itself as a backend service by the command line, and renews its token as it must.
// Kith is told that it is reached here (--base), so that links between pages lead here too.
// With through in place of on it adds nothing: what passing through it costs.
// usage: node scripts/bearer.mjs on|through KITH DATABASE http://HOST:PORT (of Kith) PORT (to listen on) FOLDER (for its keys)
import { execFileSync } from "node:child_process";
import { createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import http from "node:http";

const [how, kith, db, origin, port, folder] = process.argv.slice(2);
let id = "";
function register() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  writeFileSync(`${folder}/jwks.json`, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "ES384" }] }));
  const said = execFileSync(kith, ["client", "add", "--db", db, "--secret-key", `${folder}/secret`, "--name", "Load", "--maker", "Kith", "--does", "Puts load on a server", "--kind", "backend", "--keys", `${folder}/jwks.json`, "--scopes", "system/*.cruds", "--organization", "BENCH", "--purpose", "TREAT"], { encoding: "utf8" });
  id = said.match(/client id: (\S+)/)[1];
  execFileSync(kith, ["client", "approve", id, "--db", db, "--secret-key", `${folder}/secret`, "--by", "bench", "--reason", "load test"]);
  return privateKey;
}
const privateKey = how === "on" ? register() : null;

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
let token = "";
async function renew() {
  const now = Math.floor(Date.now() / 1000);
  const head = `${part({ alg: "ES384", kid: "1", typ: "JWT" })}.${part({ iss: id, sub: id, aud: `http://127.0.0.1:${port}/auth/token`, exp: now + 240, iat: now, jti: randomUUID() })}`;
  const sign = createSign("SHA384").update(head).sign({ key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
  const answer = await fetch(`${origin}/auth/token`, { method: "POST", body: new URLSearchParams({ grant_type: "client_credentials", scope: "system/*.cruds", client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", client_assertion: `${head}.${sign}` }) });
  const body = await answer.json();
  if (!body.access_token) throw new Error(JSON.stringify(body));
  token = body.access_token;
  setTimeout(renew, (body.expires_in * 1000) / 2);
}
if (privateKey) await renew();

const to = new URL(origin);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
http
  .createServer((asked, answer) => {
    const on = http.request({ agent, host: to.hostname, port: to.port, method: asked.method, path: asked.url, headers: { ...asked.headers, host: to.host, ...(token && { authorization: `Bearer ${token}` }) } }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    on.on("error", () => answer.destroy());
    asked.pipe(on);
  })
  .listen(Number(port), "127.0.0.1", () => console.log("ready"));
