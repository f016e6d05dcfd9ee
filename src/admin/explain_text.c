/* explain_text: a decision in words and as data. The sentences are those of access_rules.def;
 * the names are filled in here. A token is never shown, nor is an e-mail address. */
#include "admin/explain_text.h"

#include <string.h>

#include "admin/explain_case.h"
#include "base/buf.h"
#include "registry/registry.h"
#include "wire/mp.h"

static struct slice explain_text_workspace_of(const struct explain_case *c)
{
    return c->decision.workspace.len ? c->decision.workspace : c->workspace;
}

/* Where the user acts, or would have to. */
static struct slice context_of(const struct explain_case *c)
{
    if (c->join && c->join->answer.workspace)
        return slice_of(c->join->answer.workspace);
    if (c->bound_workspace)
        return slice_of(c->bound_workspace);
    return c->join && c->join->ask.workspace ? slice_of(c->join->ask.workspace) : SLICE_LIT("");
}

static struct slice letter_of(enum permission p)
{
    return p == PERMISSION_NONE ? SLICE_LIT("nothing") : slice_of(permission_letter(p));
}

static void add_place(struct buf *b, struct slice name, const struct explain_case *c)
{
    const struct access_decision *d = &c->decision;

    if (slice_is(name, "user"))
        buf_add_text(b, c->user ? c->user->id : "nobody");
    else if (slice_is(name, "workspace"))
        buf_add_slice(b, explain_text_workspace_of(c));
    else if (slice_is(name, "context"))
        buf_add_slice(b, context_of(c));
    else if (slice_is(name, "service"))
        buf_add_slice(b, d->service ? slice_of(d->service->full_id) : c->service);
    else if (slice_is(name, "held"))
        buf_add_slice(b, letter_of(d->held));
    else if (slice_is(name, "needed"))
        buf_add_slice(b, letter_of(d->needed));
    else
        buf_add_fmt(b, "%zu", slice_is(name, "used") ? d->used : d->max);
}

static void add_because(struct buf *b, const struct explain_case *c)
{
    struct slice rest = slice_of(access_rule_because(c->decision.rule)), head, name;
    SCRATCH_BUF(text, 0);

    if (c->is_entry)
        buf_add_fmt(&text, "to act there one must be let in: ");
    while (slice_cut(rest, '{', &head, &name)) {
        buf_add_slice(&text, head);
        (void)slice_cut(name, '}', &name, &rest);
        add_place(&text, name, c);
    }
    buf_add_slice(&text, rest);
    if (c->token_error[0])
        buf_add_fmt(&text, ": %s", c->token_error);
    mp_add_str(b, buf_slice(&text));
}

static void add_user(struct buf *b, const struct user *u)
{
    if (!u) {
        mp_add_nil(b);
        return;
    }
    mp_add_map(b, 3);
    mp_add_text(b, "id");
    mp_add_text(b, u->id);
    mp_add_text(b, "parent");
    mp_add_text(b, u->parent);
    mp_add_text(b, "roles");
    mp_add_array(b, (uint32_t)u->n_roles);
    for (size_t i = 0; i < u->n_roles; i++)
        mp_add_text(b, u->roles[i]);
}

static void explain_text_add_grant(struct buf *b, const struct grant *g)
{
    if (!g) {
        mp_add_nil(b);
        return;
    }
    mp_add_map(b, 2);
    mp_add_text(b, "workspace");
    mp_add_text(b, g->workspace);
    mp_add_text(b, "permission");
    mp_add_text(b, permission_letter(g->permission));
}

static void explain_text_add_texts(struct buf *b, char *const *texts, size_t n)
{
    mp_add_array(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        mp_add_text(b, texts[i]);
}

static void explain_text_add_record(struct buf *b, const struct access_decision *d)
{
    static const char *const visibilities[] = {[SERVICE_PUBLIC] = "public",
                                               [SERVICE_PROTECTED] = "protected",
                                               [SERVICE_UNLISTED] = "unlisted"};

    if (d->service) {
        mp_add_map(b, 3);
        mp_add_text(b, "service");
        mp_add_text(b, d->service->full_id);
        mp_add_text(b, "visibility");
        mp_add_text(b, visibilities[d->service->visibility]);
        mp_add_text(b, "authorized_workspaces");
        explain_text_add_texts(b, d->service->authorized, d->service->n_authorized);
    } else if (d->owned) {
        mp_add_map(b, 2);
        mp_add_text(b, "workspace");
        mp_add_text(b, d->owned->id);
        mp_add_text(b, "owners");
        explain_text_add_texts(b, d->owned->owners, d->owned->n_owners);
    } else {
        mp_add_nil(b);
    }
}

static void explain_text_add_limit(struct buf *b, const struct access_decision *d)
{
    if (!d->max) {
        mp_add_nil(b);
        return;
    }
    mp_add_map(b, 2);
    mp_add_text(b, "used");
    mp_add_uint(b, d->used);
    mp_add_text(b, "max");
    mp_add_uint(b, d->max);
}

static void explain_text_add_text_or_nil(struct buf *b, struct slice text)
{
    if (text.len)
        mp_add_str(b, text);
    else
        mp_add_nil(b);
}

void explain_add(struct buf *b, const struct explain_case *c)
{
    const struct access_decision *d = &c->decision;
    struct mp_open map;

    mp_open_map(&map, b);
    mp_key(&map, "allowed");
    mp_add_bool(b, d->is_allowed);
    mp_key(&map, "operation");
    mp_add_text(b, access_operation_name(c->operation));
    mp_key(&map, "workspace");
    mp_add_str(b, c->workspace);
    mp_key(&map, "service");
    explain_text_add_text_or_nil(b, c->service);
    mp_key(&map, "user");
    add_user(b, c->user);
    mp_key(&map, "acts_in");
    explain_text_add_text_or_nil(b, c->join && c->join->answer.workspace
                                        ? slice_of(c->join->answer.workspace)
                                        : SLICE_LIT(""));
    mp_key(&map, "rule");
    mp_add_text(b, access_rule_name(d->rule));
    mp_key(&map, "because");
    add_because(b, c);
    mp_key(&map, "told");
    mp_add_text(b, d->is_allowed ? NULL : access_rule_shown(d->rule));
    mp_key(&map, "grant");
    explain_text_add_grant(b, d->grant);
    mp_key(&map, "record");
    explain_text_add_record(b, d);
    mp_key(&map, "limit");
    explain_text_add_limit(b, d);
    mp_close(&map);
}
