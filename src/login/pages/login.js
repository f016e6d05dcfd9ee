// The login page of a server without accounts of its own: by the provider the operator has named,
// or with a token that is at hand already.
import { $, call, claimsOf, closeWindow, fillList, forgetToken, leave, onCopy, onSubmit, parameters,
         profileOf, reportToken, say, settings, show, showToken, storedToken, storeToken,
         workspaceOf } from "./kit.js";
import { arrival, leaveForProvider } from "./provider.js";

let asked = parameters();
let profile = {};       // what the provider told beside the token

function finish() {
    $("done-title").textContent = "Done";
    $("done-text").textContent = asked.redirect ? "You are signed in and taken back."
        : "You are signed in and can close this window.";
    show("done");
    say("");
    leave(asked);
}

/** Reports for the application that waits, if one does, and goes on. */
async function complete(token) {
    if (asked.key) {
        await reportToken(asked.key, token, {
            ...asked, profile: { ...profileOf(claimsOf(token)), ...profile } });
    }
    finish();
}

function showAccount(token, { focus }) {
    const claims = claimsOf(token);
    const known = { ...profileOf(claims), ...profile };
    fillList($("person"), [["Name", known.name], ["E-mail", known.email], ["User", known.user_id],
        ["Workspace", workspaceOf(claims)],
        ["Until", claims?.exp ? new Date(claims.exp * 1000).toLocaleString() : ""]]);
    $("generate-workspace").value = asked.workspace || workspaceOf(claims);
    showToken(token, { isWaiting: Boolean(asked.key) });
    const goesOn = asked.key || asked.redirect;
    $("continue-form").hidden = !goesOn;
    $("generate").hidden = Boolean(asked.key);
    show("account", { focus });
}

function showSignIn({ focus }) {
    const hasProvider = Boolean(settings.auth0_client_id);
    $("provider-form").hidden = !hasProvider;
    $("token-form").hidden = hasProvider;
    $("provider").textContent = settings.auth0_domain || "";
    show("sign-in", { focus });
}

async function accept(token) {
    await call("hypha-login", "logout", {}, token);     // an unusable token is refused here
    storeToken(token);
    if (asked.key || asked.redirect) await complete(token);
    else showAccount(token, { focus: true });
}

function signOut() {
    forgetToken();
    showToken("");
    profile = {};
}

onSubmit("token-form", async (form) => {
    await accept(form.get("token").trim().replace(/^Bearer /i, ""));
    $("token").value = "";
});

onSubmit("provider-form", leaveForProvider);

onSubmit("continue-form", async () => {
    const token = storedToken();
    if (token) return complete(token);
    showToken("");
    showSignIn({ focus: true });
    throw new Error("Your login has expired. Please sign in again.");
});

onSubmit("sign-out-form", async () => {
    signOut();
    showSignIn({ focus: true });
    say("You are signed out.", "right");
});

onSubmit("generate-form", async (form) => {
    $("generated").hidden = true;
    const config = { expires_in: Math.round(Number(form.get("days")) * 86400),
                     permission: form.get("permission") };
    const scopes = form.get("scopes").split(/\s+/).filter(Boolean);
    if (form.get("workspace").trim()) config.workspace = form.get("workspace").trim();
    if (scopes.length) config.extra_scopes = scopes;
    $("generated-token").value = await call("ws", "generate_token", { config }, storedToken());
    $("generated").hidden = false;
    $("generated-token").focus();
    say("The token is ready. Whoever has it can use it: keep it to yourself.", "right");
});

onCopy("copy", "generated-token");
onCopy("own-copy", "own-token");

/** The provider has sent the person back: true when that is so, whatever came of it. */
async function arrive() {
    let back = null;
    try {
        back = settings.auth0_client_id ? await arrival() : null;
        asked = parameters();
        if (!back) return false;
        profile = back.profile;
        await accept(back.token);
    } catch (error) {
        asked = parameters();
        $("purpose").hidden = !asked.key;
        showSignIn({ focus: true });
        say(error.message, "wrong");
    }
    return true;
}

async function begin() {
    if (await arrive()) return;
    if (asked.logout) {
        signOut();
        $("done-title").textContent = "Signed out";
        $("done-text").textContent = "You are signed out and can close this window.";
        $("done-link").textContent = "Sign in again";
        show("done", { focus: false });
        if (asked.redirect) location.assign(asked.redirect);
        else if (asked.close || asked.close_after_logout) closeWindow();
        return;
    }
    if (asked.clear) signOut();
    $("purpose").hidden = !asked.key;
    const token = storedToken();
    if (token) showAccount(token, { focus: false });
    else showSignIn({ focus: false });
}

begin();
