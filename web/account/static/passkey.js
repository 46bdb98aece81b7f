// Asks the browser for a passkey: to sign in, or to make one. Without it, or where the browser has no passkeys, the page shows the other ways.
"use strict";
(() => {
  const button = document.getElementById("passkey-button");
  const wrong = document.getElementById("passkey-error");
  if (!button || !window.PublicKeyCredential || !navigator.credentials) return;
  document.getElementById("passkey").hidden = false;
  document.getElementById("no-passkey").hidden = true;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const ids = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));

  async function ask(address, body) {
    const answer = await fetch(address, { method: "POST", body, headers: { "Content-Type": "application/json" }, credentials: "same-origin" });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error);
    return said;
  }

  async function signIn(options) {
    const o = options.publicKey;
    const c = await navigator.credentials.get({ publicKey: { ...o, challenge: bytes(o.challenge), allowCredentials: ids(o.allowCredentials) } });
    return { clientDataJSON: text(c.response.clientDataJSON), authenticatorData: text(c.response.authenticatorData), signature: text(c.response.signature), userHandle: c.response.userHandle ? text(c.response.userHandle) : null, of: c };
  }

  async function make(options) {
    const o = options.publicKey;
    const c = await navigator.credentials.create({ publicKey: { ...o, challenge: bytes(o.challenge), user: { ...o.user, id: bytes(o.user.id) }, excludeCredentials: ids(o.excludeCredentials) } });
    return { clientDataJSON: text(c.response.clientDataJSON), attestationObject: text(c.response.attestationObject), transports: c.response.getTransports ? c.response.getTransports() : [], of: c };
  }

  // The page says in its reader's language what can go wrong.
  function words(e) {
    if (e.name === "NotAllowedError") return wrong.dataset.cancelled;
    if (e.name === "InvalidStateError") return wrong.dataset.known;
    if (e.name === "TypeError" || e.name === "SyntaxError") return wrong.dataset.silent;
    return e.message || wrong.dataset.failed;
  }

  button.addEventListener("click", async () => {
    wrong.textContent = "";
    button.disabled = true;
    try {
      const making = button.dataset.make === "yes";
      const options = await ask(button.dataset.begin, "");
      const { of, ...response } = await (making ? make : signIn)(options);
      const name = document.getElementById("name");
      const address = button.dataset.finish + (making && name ? "?name=" + encodeURIComponent(name.value) : "");
      const said = await ask(address, JSON.stringify({ id: of.id, rawId: text(of.rawId), type: of.type, response }));
      location.assign(said.to);
    } catch (e) {
      wrong.textContent = words(e);
      button.disabled = false;
      button.focus();
    }
  });
})();
