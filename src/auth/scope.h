/* scope: the grammar of the scope claim, `ws:<id>#<letter> ... cid:<id> wid:<id> extras`. Pure. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "auth/permission.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/slice.h"

struct grant {
    char *workspace; /* owned; "*" = all */
    enum permission permission;
};

struct scope {
    char *current_workspace; /* owned, or NULL */
    char *client_id;         /* owned, or NULL */
    struct grant *grants;    /* owned; no workspace twice */
    size_t n_grants;
    char **extras; /* owned; order kept */
    size_t n_extras;
    bool has_extras; /* false: extra_scopes is null (token-less and root users) */
};

enum { SCOPE_OK, SCOPE_BAD };

/* SCOPE_BAD (*ret is empty): a ws: item without '#' or with an unknown letter, an empty cid: or
 * wid:, a NUL. A workspace named twice keeps the stronger grant. */
int scope_parse(struct slice text, struct scope *ret);
/* out must be empty. It has failed afterwards when an item would read back as another one. */
void scope_format(const struct scope *s, struct buf *out);
bool scope_workspace_is_writable(struct slice workspace);
void scope_deinit(struct scope *s);
void scope_copy(const struct scope *s, struct scope *ret);
/* adds, or keeps the stronger */
void scope_grant(struct scope *s, const char *workspace, enum permission p);
void scope_grant_slice(struct scope *s, struct slice workspace, enum permission p);
/* Many in a row, in time that grows with their number alone; to a scope without grants, which
 * nobody else changes until the end. */
struct scope_grants {
    struct scope *scope;
    struct map places; /* workspace -> its place in scope->grants, from 1 on */
};
void scope_grants_begin(struct scope_grants *g, struct scope *s);
void scope_grants_add(struct scope_grants *g, struct slice workspace, enum permission p);
void scope_grants_end(struct scope_grants *g);
/* unchecked; sets has_extras */
void scope_add_extra(struct scope *s, struct slice extra);
/* Whether an extra scope may be minted: no blanks, not a grant in disguise (3.5, D-01). */
bool scope_extra_is_valid(struct slice extra);
