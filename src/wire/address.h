/* address: the only parser of `workspace/client` and of service ids. Pure; any thread. */
#pragma once
#include <stdbool.h>

#include "base/slice.h"

struct address {
    struct slice workspace, client;
};

enum {
    ADDRESS_CLIENT,    /* one client, absolute in *ret */
    ADDRESS_BROADCAST, /* everybody of the sender's own workspace: client is "*" */
    /* everybody of another workspace, or of all: refused by policy */
    ADDRESS_FOREIGN_BROADCAST,
    ADDRESS_BAD, /* empty parts, a second '/', other forms with '*' */
};
/* `to` as a client wrote it, seen from a sender in `own`. "*" followed by "/manager-x" is
 * ADDRESS_CLIENT in workspace "*". */
int address_resolve(struct slice to, struct slice own, struct address *ret);
/* Exactly one '/' with both parts non-empty. */
bool address_split(struct slice absolute, struct address *ret);

enum {
    CLIENT_ID_MAX = 255,
    WORKSPACE_ID_MAX = 128,
    ADDRESS_MAX = WORKSPACE_ID_MAX + 1 + CLIENT_ID_MAX
};
/* Bytes of UTF-8 without what separates or matches ids, and without what nobody sees
 * (wire/utf8.h). */
bool client_id_is_valid(struct slice id);

enum {
    WORKSPACE_ID_OK,
    WORKSPACE_ID_EMPTY,
    WORKSPACE_ID_NO_HYPHEN,
    WORKSPACE_ID_BAD_CHARACTER,
    WORKSPACE_ID_TOO_LONG
};
/* the first rule that is broken, in the order of the original */
int workspace_id_check(struct slice id, bool is_root);

/* A service id as callers write it: name | client:name | ws/name | ws/client:name, any with @app,
 * and "~". */
struct service_id {
    struct slice workspace; /* empty: not given */
    struct slice client;    /* "*" when not given */
    struct slice name;
    struct slice app; /* "*" when not given */
    bool is_manager;  /* "~" or ".../~" */
    /* client, name or app is a pattern; "*" as the whole of client or app is not: it is the
     * default */
    bool is_glob;
};
enum {
    SERVICE_ID_OK,
    SERVICE_ID_MANY_SLASHES,
    SERVICE_ID_MANY_COLONS,
    SERVICE_ID_MANY_ATS,
    SERVICE_ID_WILDCARD,
    SERVICE_ID_EMPTY
};
/* WILDCARD is "*" alone. A workspace of "*" is passed on: which callers may say it is theirs to
 * know. */
int service_id_parse(struct slice text, struct service_id *ret);
/* At registration the split differs: workspace up to the first '/', client up to the next ':', name
 * = the rest. False when there is no ':'. workspace is empty when there is no '/' before the
 * ':'. */
bool service_id_split_registered(struct slice text, struct service_id *ret);
/* Shell-like match: '*' is any run of bytes, '?' any one byte, nothing else is special. Nothing is
 * tried twice. */
/* bytes of a pattern somebody may ask by: what comparing takes grows with it */
enum { GLOB_MAX = 1024 };
bool glob_match(struct slice pattern, struct slice text);
/* Whether a text has either of the two in it. */
bool glob_is(struct slice text);
