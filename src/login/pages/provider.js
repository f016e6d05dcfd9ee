// Signing in at the provider the operator has named: the authorization code flow with PKCE. The
// browser leaves with a secret only this tab keeps, and comes back with a code that is worth
// nothing without it. What the page was opened with waits meanwhile in this tab too.
import { claimsOf, profileOf, settings } from "./kit.js";

const KEPT = "hypha-login";
const here = () => location.origin + location.pathname;
const base64url = (bytes) => btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const fresh = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const route = (name) => new URL(`../../../oauth/${name}`, location.href);

/** Leaves for the provider. */
export async function leaveForProvider() {
    if (!crypto.subtle) throw new Error("Signing in needs a page loaded by https.");
    const state = fresh(), verifier = fresh();
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    sessionStorage.setItem(KEPT, JSON.stringify({ state, verifier, search: location.search }));
    const url = route("authorize");
    url.search = new URLSearchParams({
        response_type: "code", client_id: settings.auth0_client_id, redirect_uri: here(),
        audience: settings.auth0_audience, scope: "openid profile email", state,
        code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256" });
    location.assign(url);
}

/** What this tab kept when it left, if the address is one the provider sends people back to. */
function comeBack() {
    const given = new URLSearchParams(location.search);
    if (!given.has("state") || !given.has("code") && !given.has("error")) return null;
    const kept = JSON.parse(sessionStorage.getItem(KEPT) || "null");
    sessionStorage.removeItem(KEPT);
    history.replaceState(null, "", location.pathname + (kept?.search || ""));
    if (!kept || kept.state !== given.get("state"))
        throw new Error("This sign-in was not begun here. Please sign in again.");
    if (given.has("error"))
        throw new Error(given.get("error_description") || "The provider did not sign you in.");
    return { code: given.get("code"), verifier: kept.verifier };
}

/** {token, profile} when the provider has just sent the person back, else null. */
export async function arrival() {
    const back = comeBack();
    if (!back) return null;
    const response = await fetch(route("token"), { method: "POST", credentials: "omit",
        body: new URLSearchParams({
            grant_type: "authorization_code", client_id: settings.auth0_client_id,
            code: back.code, code_verifier: back.verifier, redirect_uri: here() }) });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok || !answer.access_token)
        throw new Error(answer.error_description || answer.detail || "The provider gave no token.");
    return { token: answer.access_token, profile: profileOf(claimsOf(answer.id_token || "")) };
}
