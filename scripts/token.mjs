// token: registers a backend service with a Kith that is being tried, once, and prints an access token for it.
// usage: node scripts/token.mjs KITH DATABASE http://HOST:PORT FOLDER (for its keys)
import { execFileSync } from "node:child_process";
import { createPrivateKey, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const [kith, db, origin, folder] = process.argv.slice(2);
const kept = `${folder}/client.json`;
if (!existsSync(kept)) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  writeFileSync(`${folder}/jwks.json`, JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "1", use: "sig", alg: "ES384" }] }));
  const of = ["--db", db, "--secret-key", `${folder}/secret`];
  const said = execFileSync(kith, ["client", "add", ...of, "--name", "Load", "--maker", "Kith", "--does", "Puts load on a server", "--kind", "backend", "--keys", `${folder}/jwks.json`, "--scopes", "system/*.cruds", "--organization", "BENCH", "--purpose", "TREAT"], { encoding: "utf8" });
  const id = said.match(/client id: (\S+)/)[1];
  execFileSync(kith, ["client", "approve", id, ...of, "--by", "bench", "--reason", "load test"]);
  writeFileSync(kept, JSON.stringify({ id, key: privateKey.export({ format: "pem", type: "pkcs8" }) }));
}
const { id, key } = JSON.parse(readFileSync(kept, "utf8"));
const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const now = Math.floor(Date.now() / 1000);
const head = `${part({ alg: "ES384", kid: "1", typ: "JWT" })}.${part({ iss: id, sub: id, aud: `${origin}/auth/token`, exp: now + 240, iat: now, jti: randomUUID() })}`;
const sign = createSign("SHA384").update(head).sign({ key: createPrivateKey(key), dsaEncoding: "ieee-p1363" }).toString("base64url");
const answer = await fetch(`${origin}/auth/token`, { method: "POST", body: new URLSearchParams({ grant_type: "client_credentials", scope: "system/*.cruds", client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", client_assertion: `${head}.${sign}` }) });
const body = await answer.json();
if (!body.access_token) throw new Error(JSON.stringify(body));
console.log(body.access_token);
