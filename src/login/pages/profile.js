// The profile of whoever is signed in: another name, another password.
import { $, call, claimsOf, fillList, forgetToken, onSubmit, profileOf, say, show,
         storedToken } from "./kit.js";

/** False when the login has ended meanwhile: then the page says so. */
function look({ focus }) {
    const known = profileOf(claimsOf(storedToken() || ""));
    const isIn = Boolean(known.email && known.user_id);
    fillList($("person"), [["E-mail", known.email], ["User", known.user_id]]);
    $("email").value = known.email || "";
    show(isIn ? "in" : "out", { focus });
    return isIn;
}

async function update(changes) {
    if (!look({ focus: false })) throw new Error("Your login has expired.");
    const args = { user_email: $("email").value, ...changes };
    const answer = await call("hypha-login", "update_profile", args, storedToken());
    if (!answer.success) throw new Error(answer.error);
}

onSubmit("name-form", async (form) => {
    await update({ name: form.get("name") });
    $("name-form").reset();
    say("Your name is changed.", "right");
});

onSubmit("password-form", async (form) => {
    try {
        await update({ current_password: form.get("current_password"),
                       new_password: form.get("new_password") });
        say("Your password is changed.", "right");
    } finally {
        $("current").value = $("new").value = "";
    }
});

onSubmit("sign-out-form", async () => {
    forgetToken();
    look({ focus: true });
    say("You are signed out.", "right");
});

look({ focus: false });
