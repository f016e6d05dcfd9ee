/* access: may this user do that there? One question, one decision, made by one function:
 * connections, the manager, HTTP and `explain` all ask it, so what is told about a decision is
 * what was enforced. Pure readings of the user and the registry's records. Hub loop. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "auth/user.h"
#include "base/slice.h"

struct service;
struct workspace;

enum access_operation {
#define ACCESS_OPERATION(id, name, kind, level) OPERATION_##id,
#include "rooms_access_operations.def"
#undef ACCESS_OPERATION
    OPERATION_COUNT
};
const char *access_operation_name(enum access_operation o);
/* What is needed for it: told when nothing is held. */
enum permission access_operation_level(enum access_operation o);
/* Whether what it needs is asked of the workspace the caller acts in (not of one it names). */
bool access_operation_is_inside(enum access_operation o);
/* Whether it is about one service. */
bool access_operation_is_about_service(enum access_operation o);
/* OPERATION_COUNT: there is none of that name. */
enum access_operation access_operation_find(struct slice name);

enum access_rule {
#define ACCESS_RULE(id, name, shown, because) RULE_##id,
#include "peer/access_rules.def"
#undef ACCESS_RULE
    RULE_COUNT
};
const char *access_rule_name(enum access_rule r);
/* What a refused caller may be told: a word, or NULL when the refusal's own text says it all. */
const char *access_rule_shown(enum access_rule r);
/* Adds " [rule: NAME]", by the name that is shown, behind the text; nothing when none is shown, or
 * it does not fit in n_room. */
void access_rule_note(enum access_rule r, char *text, size_t n_room);
/* What access_rule_note has added to that text: a literal, the name that was shown; NULL:
 * nothing. */
const char *access_rule_noted(struct slice text);
/* A sentence with {user} and other places to fill in (access_rules.def). */
const char *access_rule_because(enum access_rule r);

/* Everything borrowed, for the call. */
struct access_question {
    const struct user *user;
    enum access_operation operation;
    struct slice context;              /* the workspace the user acts in */
    struct slice client;               /* its client id there; empty: not known */
    struct slice target;               /* the workspace it is about; empty: the context */
    const struct workspace *workspace; /* the target's record; NULL: there is none */
    const struct service *service;     /* what it is about; NULL: nothing registered */
    struct slice wanted_client;        /* REGISTER: whose service it would be */
    enum permission wanted;            /* MINT: what the token shall hold */
    size_t used, max; /* CREATE: workspaces owned, and how many may be; 0 = any number */
};

struct access_decision {
    bool is_allowed;
    enum access_rule rule;
    enum permission held, needed; /* on `workspace` */
    struct slice workspace;       /* the one that decided: the context or the target */
    struct slice context;
    const struct grant *grant;     /* of the user, that was looked at; NULL: there is none */
    const struct workspace *owned; /* the record whose owners decided; NULL: they did not */
    const struct service *service; /* the record that decided; NULL: none did */
    size_t used, max;              /* the limit that decided; max 0: none did */
};

struct access_decision access_decide(const struct access_question *q);
/* What the user's scope holds on a workspace, whose record this is: NULL when there is none.
 * Borrowed from the user; NULL: nothing. */
const struct grant *access_grant_on(const struct user *u, struct slice workspace,
                                    const struct workspace *record);
/* A decision made elsewhere, by the token or a limit. */
struct access_decision access_denial(enum access_rule rule, struct slice workspace);
