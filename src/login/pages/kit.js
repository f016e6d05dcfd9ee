// What the pages share: talking to the login service, the cookie, who a token is for, and how a
// login ends. Texts reach the document as text only, never as markup.

const configuration = JSON.parse(
    document.querySelector('meta[name="hypha-login"]')?.content || "{}");
export const settings = { origins: [], ...configuration };

/** What the URL asks for; `redirect` is null unless it leads where it may. */
export function parameters() {
    const given = new URLSearchParams(location.search);
    const flag = (name) => given.get(name) === "true";
    return {
        key: given.get("key"), workspace: given.get("workspace"),
        expires_in: given.get("expires_in"), redirect: safeTarget(given.get("redirect")),
        clear: flag("clear"), logout: flag("logout"),
        close: flag("close"), close_after_logout: flag("close_after_logout"),
    };
}

/** The absolute URL when it is of this origin or of one the operator allows, else null. */
export function safeTarget(text) {
    if (!text) return null;
    try {
        const url = new URL(text, location.href);
        const isWeb = url.protocol === "https:" || url.protocol === "http:";
        const isKnown = url.origin === location.origin || settings.origins.includes(url.origin);
        return isWeb && isKnown && !url.username && !url.password ? url.href : null;
    } catch {
        return null;
    }
}

/** Calls a function of a service of `public`; throws an Error a person can read. */
export async function call(service, name, args, token) {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    let response;
    try {
        response = await fetch(new URL(`../../services/${service}/${name}`, location.href), {
            method: "POST", headers, body: JSON.stringify(args), credentials: "omit" });
    } catch {
        throw new Error("The server cannot be reached. Please try again.");
    }
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new Error(readable(answer?.detail, response.status));
    return answer;
}

/** The sentence inside an error text: without the names of classes in front of it. */
export function readable(detail, status) {
    const text = typeof detail === "string" ? detail : `The server answered ${status}.`;
    return text.replace(/^(\w*(Exception|Error): )+/, "").replace(/^401: /, "")
        .replace(/ \[rule: [\w-]+\]$/, "");
}

/** The claims of a token, unverified: for showing only. Null for what is no JWT. */
export function claimsOf(token) {
    try {
        const part = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
        const bytes = Uint8Array.from(atob(part), (letter) => letter.charCodeAt(0));
        const claims = JSON.parse(new TextDecoder().decode(bytes));
        return claims && typeof claims === "object" ? claims : null;
    } catch {
        return null;
    }
}

/** The workspace a token's claims lead to: the one they name, else the person's own. */
export function workspaceOf(claims) {
    return claims?.scope?.match(/(?:^| )wid:(\S+)/)?.[1] || (claims?.sub ? `ws-user-${claims.sub}` : "");
}

/** Name, e-mail and the like of a token's claims, as `report` takes them. */
export function profileOf(claims) {
    if (!claims) return {};
    const named = (end) => Object.entries(claims).find(([key]) => key.endsWith(end))?.[1];
    const profile = {
        user_id: claims.sub, email: claims.email ?? named("/email"), name: claims.name,
        nickname: claims.nickname, picture: claims.picture, email_verified: claims.email_verified,
    };
    const isShort = (text, limit) => new TextEncoder().encode(text).length <= limit;
    for (const [key, value] of Object.entries(profile)) {
        const limit = key === "email" || key === "picture" ? 1024 : 64;
        const isGood = typeof value === "boolean" || typeof value === "string" && value
            && isShort(value, limit);
        if (!isGood || key === "picture" && !/^https?:\/\//.test(value)) delete profile[key];
    }
    return profile;
}

const COOKIE = "access_token";

/** The token of the cookie, unless it is over: then the cookie goes. */
export function storedToken(name = COOKIE) {
    for (const piece of document.cookie.split("; ")) {
        if (!piece.startsWith(`${name}=`)) continue;
        const token = piece.slice(name.length + 1);
        const claims = claimsOf(token);
        if (token && (!claims?.exp || claims.exp * 1000 > Date.now())) return token;
        forgetToken(name);
    }
    return null;
}

export function storeToken(token, name = COOKIE) {
    const exp = claimsOf(token)?.exp;
    const age = exp ? `; max-age=${Math.max(0, Math.floor(exp - Date.now() / 1000))}` : "";
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `${name}=${token}; path=/${age}; samesite=lax${secure}`;
}

export function forgetToken(name = COOKIE) {
    document.cookie = `${name}=; path=/; max-age=0; samesite=lax`;
}

/** Hands the token in for the key: by POST, so that it stands in no URL. */
export async function reportToken(key, token, { workspace, expires_in, profile } = {}) {
    const args = { key, token, ...profile };
    if (workspace) args.workspace = workspace;
    if (expires_in) args.expires_in = Number(expires_in);
    await call("hypha-login", "report", args);
}

/** Tells the page that holds this one in a frame; the token stays here. */
export function reportLoginComplete(key) {
    if (window.parent !== window)
        window.parent.postMessage({ type: "hypha-login-complete", key }, "*");
}

/** Closes the window when a script may: it was opened by one, or shows nothing but this. */
export function closeWindow() {
    if (window.opener || history.length === 1) window.close();
}

/** Where a login leads when all is done: the frame's owner, the redirect, or out of the window. */
export function leave({ key, redirect }) {
    if (window.parent !== window) reportLoginComplete(key);
    else if (redirect) location.assign(redirect);
    else if (key) closeWindow();
}

export const $ = (id) => document.getElementById(id);

/** Shows one of the page's sections and moves the reader there. */
export function show(id, { focus = true } = {}) {
    for (const section of document.querySelectorAll("[data-view]")) section.hidden = section.id !== id;
    const heading = $(id).querySelector("h2");
    if (focus && heading) {
        heading.tabIndex = -1;
        heading.focus();
    }
}

/** kind: "wrong", "right" or nothing. */
export function say(text, kind = "") {
    const message = $("message");
    message.className = `message ${kind}`;
    message.textContent = text;
}

/** Runs `work` for a form's submission: one at a time, what goes wrong is said. */
export function onSubmit(id, work) {
    $(id).addEventListener("submit", async (event) => {
        event.preventDefault();
        const button = event.submitter || $(id).querySelector("button");
        if (button.getAttribute("aria-busy") === "true") return;
        button.setAttribute("aria-busy", "true");
        say("");
        try {
            await work(new FormData($(id)));
        } catch (error) {
            say(error.message, "wrong");
        } finally {
            button.removeAttribute("aria-busy");
        }
    });
}

/** A list of names and values, as text. */
export function fillList(list, pairs) {
    list.replaceChildren(...pairs.filter(([, value]) => value).flatMap(([name, value]) => {
        const term = document.createElement("dt"), detail = document.createElement("dd");
        term.textContent = name;
        detail.textContent = value;
        return [term, detail];
    }));
}

/** A button that copies a field's text. */
export function onCopy(button, field) {
    $(button).addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText($(field).value);
            say("Copied.", "right");
        } catch {
            $(field).select();
            say("Please copy the selected text.");
        }
    });
}

/** The account view's token, for programs; it is kept back while an application waits for a login. */
export function showToken(token, { isWaiting = false } = {}) {
    $("own").hidden = !token || isWaiting;
    $("own").open = false;
    $("own-token").value = isWaiting ? "" : token;
}
