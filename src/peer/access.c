/* access: a kind per rule, a row per operation. A grant comes from the user's scope and is never
 * lifted by owning; owning counts only where its kind says so: it does not open the services of
 * another workspace (S-22), and a child token owns nothing (D-04). */
#include "peer/access.h"

#include <stdio.h>
#include <string.h>

#include "auth/mint.h"
#include "registry/registry.h"

/* ---- the tables ---- */

enum kind {
    KIND_OPEN,
    KIND_CONTEXT,
    KIND_TARGET,
    KIND_GRANT,
    KIND_BOTH,
    KIND_BOTH_OWNED,
    KIND_SAME_OR_TARGET,
    KIND_BOOKMARK,
    KIND_JOIN,
    KIND_BROADCAST,
    KIND_USE,
    KIND_CALL,
    KIND_LIST,
    KIND_LIST_UNLISTED,
    KIND_MINT,
    KIND_CREATE,
    KIND_OVERWRITE,
    KIND_DELETE,
    KIND_REGISTER,
    KIND_UNREGISTER,
};

static const struct operation {
    const char *name;
    enum kind kind;
    enum permission level;
} operations[] = {
#define ACCESS_OPERATION(id, name, kind, level) {name, KIND_##kind, level},
#include "rooms_access_operations.def"
#undef ACCESS_OPERATION
};

static const struct {
    const char *name, *shown, *because;
} rules[] = {
#define ACCESS_RULE(id, name, shown, because) {name, shown, because},
#include "peer/access_rules.def"
#undef ACCESS_RULE
};

const char *access_operation_name(enum access_operation o)
{
    return operations[o].name;
}

enum permission access_operation_level(enum access_operation o)
{
    return operations[o].level;
}

bool access_operation_is_inside(enum access_operation o)
{
    enum kind k = operations[o].kind;

    return k == KIND_OPEN || k == KIND_CONTEXT || k == KIND_BROADCAST || k == KIND_REGISTER ||
           k == KIND_UNREGISTER;
}

bool access_operation_is_about_service(enum access_operation o)
{
    enum kind k = operations[o].kind;

    return k == KIND_USE || k == KIND_CALL || k == KIND_LIST || k == KIND_LIST_UNLISTED ||
           k == KIND_UNREGISTER || k == KIND_BOOKMARK;
}

enum access_operation access_operation_find(struct slice name)
{
    enum access_operation o = 0;

    while (o < OPERATION_COUNT && !slice_is(name, operations[o].name))
        o++;
    return o;
}

const char *access_rule_name(enum access_rule r)
{
    return rules[r].name;
}

const char *access_rule_shown(enum access_rule r)
{
    return rules[r].shown;
}

#define NOTE_HEAD " [rule: "
#define NOTE_TAIL "]"

void access_rule_note(enum access_rule r, char *text, size_t n_room)
{
    const char *shown = rules[r].shown;
    size_t len = strlen(text);

    if (shown && len + strlen(NOTE_HEAD NOTE_TAIL) + strlen(shown) < n_room)
        (void)snprintf(text + len, n_room - len, NOTE_HEAD "%s" NOTE_TAIL, shown);
}

const char *access_rule_noted(struct slice text)
{
    for (unsigned r = 0; r < RULE_COUNT; r++) {
        const char *shown = rules[r].shown;
        size_t len = shown ? strlen(shown) : 0, all = len + strlen(NOTE_HEAD NOTE_TAIL);
        if (shown && text.len > all && slice_ends(text, NOTE_TAIL)) {
            struct slice note = slice_from(text, text.len - all);
            if (slice_starts(note, NOTE_HEAD) &&
                slice_eq(slice_make(note.ptr + strlen(NOTE_HEAD), len), slice_of(shown)))
                return shown;
        }
    }
    return NULL;
}

const char *access_rule_because(enum access_rule r)
{
    return rules[r].because;
}

/* ---- parts of a decision ---- */

static struct access_decision access_allow(struct access_decision d, enum access_rule rule)
{
    d.is_allowed = true;
    d.rule = rule;
    return d;
}

static struct access_decision access_deny(struct access_decision d, enum access_rule rule)
{
    d.is_allowed = false;
    d.rule = rule;
    return d;
}

struct access_decision access_denial(enum access_rule rule, struct slice workspace)
{
    return (struct access_decision){.rule = rule, .workspace = workspace};
}

static struct slice target_of(const struct access_question *q)
{
    return q->target.len ? q->target : q->context;
}

/* Whether somebody of that id owns it; e-mail addresses belong to primary identities only. */
static bool is_owned_by_id(const struct workspace *w, const char *id)
{
    static const char prefix[] = "ws-user-";

    if (strncmp(w->id, prefix, sizeof(prefix) - 1) == 0 &&
        strcmp(w->id + sizeof(prefix) - 1, id) == 0)
        return true;
    for (size_t i = 0; i < w->n_owners; i++) {
        if (strcmp(w->owners[i], id) == 0)
            return true;
    }
    return false;
}

static bool person_owns(const struct workspace *w, const struct user *u)
{
    return u->parent && is_owned_by_id(w, u->parent);
}

/* Its record, when the question is about it. */
static const struct workspace *record_of(const struct access_question *q, struct slice workspace)
{
    const struct workspace *of_service = q->service ? q->service->client->workspace : NULL;

    if (q->workspace && slice_is(workspace, q->workspace->id))
        return q->workspace;
    return of_service && slice_is(workspace, of_service->id) ? of_service : NULL;
}

/* What somebody gave on a workspace that is gone means nothing on the one made again under its id
 * by others. Grants of a login stand for themselves; those of a token that was made here are as
 * good as its maker. Times are whole seconds: in doubt it is of the old one. */
static bool is_of_former(const struct workspace *w, const struct user *u)
{
    bool is_made_here = u->parent || u->lineage.is_continuation;

    return is_made_here && u->issued_at && w->made_at && u->issued_at <= w->made_at &&
           strcmp(user_effective_id(u), "root") != 0 && !person_owns(w, u) &&
           workspace_ownership(w, u) == OWNS_NOT;
}

const struct grant *access_grant_on(const struct user *u, struct slice workspace,
                                    const struct workspace *record)
{
    const struct grant *g = user_grant(u, workspace);

    if (g && record && strcmp(g->workspace, "*") != 0 && is_of_former(record, u))
        return user_grant(u, SLICE_LIT("*"));
    return g;
}

/* What the user holds on a workspace, before anything is decided. */
static struct access_decision look_at(const struct access_question *q, struct slice workspace,
                                      enum permission needed)
{
    const struct grant *g = access_grant_on(q->user, workspace, record_of(q, workspace));

    return (struct access_decision){.held = g ? g->permission : PERMISSION_NONE,
                                    .needed = needed,
                                    .workspace = workspace,
                                    .context = q->context,
                                    .grant = g};
}

static enum access_rule rule_of_grant(const struct user *u, const struct grant *g)
{
    if (strcmp(g->workspace, "*") != 0)
        return RULE_GRANT;
    return user_has_role(u, "admin") ? RULE_ROLE_ADMIN : RULE_WILDCARD;
}

static struct access_decision by_grant(const struct access_question *q, struct slice workspace,
                                       enum permission needed)
{
    struct access_decision d = look_at(q, workspace, needed);

    if (d.held >= needed)
        return d.grant ? access_allow(d, rule_of_grant(q->user, d.grant))
                       : access_allow(d, RULE_OPEN);
    return access_deny(d, d.held ? RULE_WEAK_GRANT : RULE_NO_GRANT);
}

static enum access_rule rule_of_owner(enum ownership o)
{
    return o == OWNS_AS_PERSONAL ? RULE_PERSONAL : o == OWNS_BY_ID ? RULE_OWNER : RULE_OWNER_EMAIL;
}

/* A grant that was not enough, mended by owning the target. */
static struct access_decision or_owned(const struct access_question *q, struct access_decision d)
{
    if (d.is_allowed || !q->workspace)
        return d;
    enum ownership o = workspace_ownership(q->workspace, q->user);
    if (o != OWNS_NOT) {
        d.owned = q->workspace;
        return access_allow(d, rule_of_owner(o));
    }
    if (person_owns(q->workspace, q->user)) {
        d.owned = q->workspace;
        return access_deny(d, RULE_CHILD);
    }
    return d;
}

/* ---- workspaces ---- */

/* 4.3: an existing grant is kept as it is; without one, owners and the personal workspace give
 * admin. */
static struct access_decision decide_join(const struct access_question *q)
{
    struct access_decision d = by_grant(q, target_of(q), PERMISSION_READ);

    if (d.held != PERMISSION_NONE)
        return d;
    d = or_owned(q, d);
    if (d.is_allowed)
        d.held = PERMISSION_ADMIN;
    return d;
}

/* That an id is not taken is told before anything else about it. */
static struct access_decision if_there(const struct access_question *q, struct access_decision d)
{
    return q->workspace ? d : access_deny(d, RULE_NO_WORKSPACE);
}

/* Of two conditions the one that fails, else the second. */
static struct access_decision access_both(struct access_decision first,
                                          struct access_decision second)
{
    return first.is_allowed ? second : first;
}

static struct access_decision decide_owned(const struct access_question *q, enum permission level)
{
    return if_there(q, or_owned(q, by_grant(q, target_of(q), level)));
}

static struct access_decision decide_mint(const struct access_question *q)
{
    const struct workspace *w = q->workspace;
    struct access_decision d = look_at(q, target_of(q), q->wanted);
    enum ownership o = w ? workspace_ownership(w, q->user) : OWNS_NOT;
    bool is_behind = w && person_owns(w, q->user);

    switch (mint_decide(q->user, d.held, q->wanted, o != OWNS_NOT || is_behind)) {
    case MINT_BY_GRANT:
        return access_allow(d, rule_of_grant(q->user, d.grant));
    case MINT_BY_OWNING:
        d.owned = w;
        return access_allow(d, rule_of_owner(o));
    case MINT_PASSING_ON:
        d.owned = w;
        return access_allow(d, RULE_PASSED_ON);
    default:
        break;
    }
    if (!w)
        return access_deny(d, RULE_NO_WORKSPACE);
    d.owned = is_behind ? w : NULL;
    if (d.held != PERMISSION_NONE && is_behind)
        return access_deny(d, RULE_NO_LIFT);
    d.needed = PERMISSION_ADMIN;
    if (is_behind)
        return access_deny(d, RULE_CHILD);
    return access_deny(d, d.held ? RULE_WEAK_GRANT : RULE_NO_GRANT);
}

static struct access_decision decide_overwrite(const struct access_question *q)
{
    struct access_decision d = decide_owned(q, PERMISSION_ADMIN);

    return strcmp(q->user->id, "root") == 0 && !d.is_allowed ? access_allow(d, RULE_ROOT) : d;
}

/* What is made belongs to the person, so it takes the right to write in their own workspace. */
static bool acts_for_person(const struct user *u)
{
    char home[USER_WORKSPACE_MAX];

    /* ids are short enough */
    (void)snprintf(home, sizeof(home), "ws-user-%s", user_effective_id(u));
    return !u->parent || user_permission(u, slice_of(home)) >= PERMISSION_READ_WRITE;
}

static struct access_decision decide_create(const struct access_question *q)
{
    struct access_decision d = look_at(q, target_of(q), PERMISSION_NONE);

    if (q->user->is_anonymous)
        return access_deny(d, RULE_ANONYMOUS);
    if (strcmp(q->user->id, "root") == 0)
        return access_allow(d, RULE_ROOT);
    if (!acts_for_person(q->user))
        return access_deny(d, RULE_NOT_FOR_PERSON);
    if (q->max && q->used >= q->max) {
        d.used = q->used;
        d.max = q->max;
        return access_deny(d, RULE_QUOTA);
    }
    return access_allow(d, RULE_REGISTERED);
}

static struct access_decision decide_delete(const struct access_question *q)
{
    struct access_decision d = decide_owned(q, PERMISSION_ADMIN);

    return d.is_allowed && q->workspace && q->workspace->is_system ? access_deny(d, RULE_SYSTEM)
                                                                   : d;
}

/* ---- services ---- */

static struct access_decision access_decide_service(const struct access_question *q, enum kind kind)
{
    const struct service *s = q->service;
    struct slice workspace = slice_of(s->client->workspace->id);
    struct access_decision d = by_grant(q, workspace, PERMISSION_READ);

    d.service = s;
    if (s->visibility == SERVICE_UNLISTED && kind != KIND_USE && kind != KIND_CALL) {
        /* Only from inside, and only when asked for. */
        if (kind == KIND_LIST || !d.is_allowed || !slice_eq(workspace, q->context))
            return access_deny(d, RULE_UNLISTED);
    }
    if (d.is_allowed)
        return d;
    if (s->visibility != SERVICE_PROTECTED)
        return access_allow(d, s->visibility == SERVICE_PUBLIC ? RULE_PUBLIC_SERVICE
                                                               : RULE_UNLISTED_SERVICE);
    if (s->has_authorized && service_authorizes(s, q->context))
        return access_allow(d, RULE_AUTHORIZED);
    return access_deny(d, RULE_PROTECTED);
}

/* The provider's own test comes on top: a protected method serves its own workspace and those
 * authorized. */
static struct access_decision decide_call(const struct access_question *q)
{
    struct access_decision d = access_decide_service(q, KIND_CALL);
    const struct service *s = q->service;

    if (!d.is_allowed || s->visibility != SERVICE_PROTECTED || slice_eq(d.workspace, q->context) ||
        (s->has_authorized && service_authorizes(s, q->context)))
        return d;
    return access_deny(d, RULE_ACTS_ELSEWHERE);
}

/* Root may register for others; everybody else for the calling client only (D-19). */
static struct access_decision decide_register(const struct access_question *q)
{
    struct access_decision d = by_grant(q, q->context, PERMISSION_READ_WRITE);

    if (!d.is_allowed || !q->wanted_client.len || slice_eq(q->wanted_client, q->client))
        return d;
    return strcmp(q->user->id, "root") == 0 ? access_allow(d, RULE_ROOT)
                                            : access_deny(d, RULE_FOREIGN_CLIENT);
}

/* Whoever registered it, and admins; nobody from another workspace (D-19, D-46). */
static struct access_decision decide_unregister(const struct access_question *q)
{
    struct access_decision d = by_grant(q, q->context, PERMISSION_READ_WRITE);
    struct slice home = q->service ? slice_of(q->service->client->workspace->id) : target_of(q);

    d.service = q->service;
    if (!d.is_allowed)
        return d;
    if (!slice_eq(home, q->context)) {
        d.workspace = home;
        return access_deny(d, RULE_OTHER_WORKSPACE);
    }
    if (!q->service)
        return d;
    if (slice_eq(q->service->client->id, q->client))
        return access_allow(d, RULE_OWN_CLIENT);
    d = by_grant(q, q->context, PERMISSION_ADMIN);
    d.service = q->service;
    return d.is_allowed ? d : access_deny(d, RULE_OTHER_CLIENT);
}

/* ---- the one function ---- */

static struct access_decision decide_broadcast(const struct access_question *q)
{
    struct access_decision d = by_grant(q, q->context, PERMISSION_READ_WRITE);

    if (!slice_eq(target_of(q), q->context)) {
        d.workspace = target_of(q);
        return access_deny(d, RULE_OTHER_WORKSPACE);
    }
    return d.is_allowed ? d : access_deny(d, RULE_READ_ONLY);
}

/* Kinds about a service that was not named: nothing is decided yet. */
static struct access_decision decide_no_service(const struct access_question *q, enum kind kind)
{
    struct access_decision d = look_at(q, target_of(q), PERMISSION_NONE);

    if (kind == KIND_LIST)
        return access_allow(d, RULE_OPEN);
    if (kind == KIND_LIST_UNLISTED && !slice_eq(d.workspace, q->context))
        return access_deny(d, RULE_OTHER_WORKSPACE);
    if (kind == KIND_LIST_UNLISTED)
        return by_grant(q, q->context, PERMISSION_READ);
    return kind == KIND_BOOKMARK ? decide_owned(q, PERMISSION_READ)
                                 : access_deny(d, RULE_NO_SERVICE);
}

struct access_decision access_decide(const struct access_question *q)
{
    const struct operation *o = &operations[q->operation];

    switch (o->kind) {
    case KIND_CONTEXT:
        return by_grant(q, q->context, o->level);
    case KIND_TARGET:
        return if_there(q, by_grant(q, target_of(q), o->level));
    case KIND_GRANT:
        return by_grant(q, target_of(q), o->level);
    case KIND_BOTH:
        return if_there(
            q, access_both(by_grant(q, q->context, o->level), by_grant(q, target_of(q), o->level)));
    case KIND_BOTH_OWNED:
        return access_both(by_grant(q, q->context, o->level), decide_owned(q, o->level));
    case KIND_SAME_OR_TARGET:
        return slice_eq(target_of(q), q->context)
                   ? access_allow(look_at(q, q->context, PERMISSION_NONE), RULE_OPEN)
                   : by_grant(q, target_of(q), o->level);
    case KIND_JOIN:
        return decide_join(q);
    case KIND_BROADCAST:
        return decide_broadcast(q);
    case KIND_USE:
    case KIND_LIST:
    case KIND_LIST_UNLISTED:
    case KIND_BOOKMARK:
        return q->service ? access_decide_service(q, o->kind == KIND_BOOKMARK ? KIND_USE : o->kind)
                          : decide_no_service(q, o->kind);
    case KIND_CALL:
        return q->service ? decide_call(q) : decide_no_service(q, o->kind);
    case KIND_MINT:
        return decide_mint(q);
    case KIND_CREATE:
        return decide_create(q);
    case KIND_OVERWRITE:
        return decide_overwrite(q);
    case KIND_DELETE:
        return decide_delete(q);
    case KIND_REGISTER:
        return decide_register(q);
    case KIND_UNREGISTER:
        return decide_unregister(q);
    default:
        return access_allow(look_at(q, target_of(q), PERMISSION_NONE), RULE_OPEN);
    }
}
