// The login page of a server with accounts of its own: sign in, sign up, verify, reset. Each view
// has an address behind the '#', so links, the back button and the links of mails lead to it; what
// stands behind the '#' never reaches a server.
import { $, call, claimsOf, fillList, forgetToken, leave, onCopy, onSubmit, parameters,
         profileOf, reportToken, say, settings, show, showToken, storedToken, storeToken,
         workspaceOf } from "./kit.js";

const asked = parameters();
const views = ["sign-in", "sign-up", "verify", "forgot", "reset"];
let fresh = null;       // e-mail and password of a sign-up on this page, until it is verified

/** A function of the accounts; what the person did wrong becomes an Error with its sentence. */
async function ask(name, args) {
    const answer = await call("hypha-login", name, args);
    if (!answer.success) throw new Error(answer.error);
    return answer;
}

function finish() {
    $("done-title").textContent = "Done";
    $("done-text").textContent = asked.redirect ? "You are signed in and taken back."
        : "You are signed in and can close this window.";
    show("done");
    say("");
    leave(asked);
}

function showAccount(token, { focus }) {
    const claims = claimsOf(token), known = profileOf(claims);
    fillList($("person"), [["E-mail", known.email], ["User", known.user_id],
        ["Workspace", workspaceOf(claims)],
        ["Until", claims?.exp ? new Date(claims.exp * 1000).toLocaleString() : ""]]);
    $("continue-form").hidden = !(asked.key || asked.redirect);
    $("profile-link").hidden = Boolean(asked.key);
    showToken(token, { isWaiting: Boolean(asked.key) });
    history.replaceState(null, "", location.pathname + location.search);
    show("account", { focus });
}

async function signIn(email, password) {
    const args = { email, password };
    if (asked.key) args.key = asked.key;
    const { token } = await ask("login", args);
    storeToken(token);
    $("sign-in-form").reset();
    if (asked.key || asked.redirect) finish();
    else showAccount(token, { focus: true });
}

/** Shows a view and gives it an address, without the code that may have stood there. */
function goTo(view, { focus = true } = {}) {
    history.replaceState(null, "", `#${view}`);
    show(view, { focus });
}

/** What the page says of mails, on a server that can send none. */
const withoutMail = {
    "verify-help": "No mail was sent: this server cannot send any. A new code is filled in here.",
    "forgot-help": "This server cannot send mail. The code is filled in on the next page.",
    "reset-help": "No mail was sent: this server cannot send any. A new code is filled in here.",
    "resend-button": "Make another code",
    "forgot-button": "Make a code",
};

/** Says where the code is: on its way by mail, or in its field. */
function sayCode(answer, field, mailed) {
    $(field).value = answer.dev_code || "";
    if (answer.dev_code) say("No mail was sent: the code has been filled in.");
    else say(mailed, "right");
}

onSubmit("sign-in-form", async (form) => {
    try {
        await signIn(form.get("email"), form.get("password"));
    } catch (error) {
        $("sign-in-password").value = "";
        $("sign-in-password").focus();
        throw error;
    }
});

onSubmit("sign-up-form", async (form) => {
    const answer = await ask("signup", Object.fromEntries(form));
    fresh = { email: answer.email, password: form.get("password") };
    $("sign-up-form").reset();
    $("verify-email").value = answer.email;
    goTo("verify");
    sayCode(answer, "verify-code", "A code is on its way to you.");
});

onSubmit("verify-form", async (form) => {
    const email = form.get("email").trim().toLowerCase();
    const args = { email, code: form.get("code") };
    // Another sign-up for this address may have come in between, with another password.
    if (fresh?.email === email) args.password = fresh.password;
    await ask("verify_email", args);
    fresh = null;
    $("verify-code").value = "";
    if (args.password) return signIn(email, args.password);
    $("sign-in-email").value = email;
    goTo("sign-in");
    say("Your e-mail is verified. Please sign in.", "right");
});

onSubmit("resend-form", async () => {
    if (!$("verify-email").reportValidity()) return;
    const answer = await ask("resend_code", { email: $("verify-email").value });
    $("verify-code").focus();
    sayCode(answer, "verify-code", "Another code is on its way to you.");
});

onSubmit("forgot-form", async (form) => {
    const answer = await ask("request_reset", { email: form.get("email") });
    $("reset-email").value = answer.email;
    goTo("reset");
    sayCode(answer, "reset-code", "If there is such an account, a code is on its way.");
});

onSubmit("reset-form", async (form) => {
    await ask("reset_password", Object.fromEntries(form));
    $("reset-form").reset();
    $("sign-in-email").value = form.get("email");
    goTo("sign-in");
    say("Your password is changed. Please sign in.", "right");
});

onSubmit("continue-form", async () => {
    const token = storedToken();
    if (!token) {
        showToken("");
        goTo("sign-in");
        throw new Error("Your login has expired. Please sign in again.");
    }
    if (asked.key) await reportToken(asked.key, token, { profile: profileOf(claimsOf(token)) });
    finish();
});

onSubmit("sign-out-form", async () => {
    forgetToken();
    showToken("");
    goTo("sign-in");
    say("You are signed out.", "right");
});

/** The view the address names; a link of a mail brings e-mail and code. False: none. */
function follow({ focus }) {
    const given = new URLSearchParams(location.hash.slice(1));
    const view = views.find((name) => given.has(name));
    if (!view) return false;
    for (const name of ["email", "code"]) {
        if (given.has(name) && $(`${view}-${name}`)) $(`${view}-${name}`).value = given.get(name);
    }
    say("");
    goTo(view, { focus });
    return true;
}

function begin() {
    if (asked.logout) {
        forgetToken();
        $("done-title").textContent = "Signed out";
        $("done-text").textContent = "You are signed out and can close this window.";
        $("done-link").textContent = "Sign in again";
        show("done", { focus: false });
        if (asked.redirect) location.assign(asked.redirect);
        else if (asked.close || asked.close_after_logout) window.close();
        return;
    }
    if (asked.clear) forgetToken();
    $("purpose").hidden = !asked.key;
    const token = storedToken();
    const isAsked = ["verify", "reset"].some((view) => location.hash.startsWith(`#${view}`));
    if ((isAsked || !token) && follow({ focus: false })) return;
    if (token) showAccount(token, { focus: false });
    else show("sign-in", { focus: false });
}

if (!settings.sends_mail)
    for (const [id, text] of Object.entries(withoutMail)) $(id).textContent = text;
onCopy("own-copy", "own-token");
window.addEventListener("hashchange", () => follow({ focus: true }));
begin();
