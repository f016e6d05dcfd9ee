/* list_query: a text is a short form of the map, and both end in the same six parts, checked by
 * the same rule. */
#include "manager/list_query.h"

#include <string.h>

#include "wire/address.h"
#include "wire/mp.h"

static const struct slice any = {"*", 1};

static bool check_part(struct slice part, struct refusal *r)
{
    if (part.len > GLOB_MAX && glob_is(part))
        return refuse(r, "ValueError", "A pattern may have at most %d bytes", GLOB_MAX);
    for (size_t i = 0; i < part.len; i++) {
        char c = part.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_letter && (!c || !strchr("-_/|*", c)))
            return refuse(r, "ValueError", "Invalid characters in query part: " SLICE_FMT,
                          SLICE_ARG(part));
    }
    return true;
}

/* Cuts "@app" off a service part. A second, different app id is a contradiction. */
static bool cut_app(struct list_query *q, struct refusal *r)
{
    struct slice name, app;

    if (!slice_cut(q->name, '@', &name, &app))
        return true;
    if (q->app.len && !slice_eq(q->app, app))
        return refuse(r, "ValueError", "App id mismatch: " SLICE_FMT " != " SLICE_FMT,
                      SLICE_ARG(q->app), SLICE_ARG(app));
    q->name = name;
    q->app = app;
    return true;
}

static void split_service(struct slice text, struct list_query *ret)
{
    ret->client = any;
    ret->name = text;
    (void)slice_cut(text, ':', &ret->client, &ret->name);
}

/* ws | ws/name | client:name | ws/client:name | "*" followed by "/...": public services of the
 * context. */
static void list_query_read_text(struct slice text, struct slice context, struct list_query *ret)
{
    struct slice workspace, rest, more;

    if (slice_cut(text, '/', &workspace, &rest)) {
        if (slice_cut(rest, '/', &more, &(struct slice){0}))
            rest = more;
        bool is_any = slice_eq(workspace, any);
        ret->workspace = is_any ? context : workspace;
        ret->visibility = is_any ? SLICE_LIT("public") : (struct slice){NULL, 0};
        split_service(rest, ret);
    } else if (slice_has_byte(text, ':')) {
        split_service(text, ret);
    } else {
        ret->workspace = text;
    }
}

static bool read_part(struct slice value, struct slice name, struct slice *ret, struct refusal *r)
{
    if (mp_is(value, MP_NIL) || mp_get_str(value, ret))
        return true;
    return refuse(r, "TypeError", "Query part '" SLICE_FMT "' must be a string", SLICE_ARG(name));
}

static bool list_query_read_map(struct slice map, struct list_query *ret, struct refusal *r)
{
    const struct {
        const char *name;
        struct slice *part;
    } parts[] = {{"visibility", &ret->visibility},
                 {"workspace", &ret->workspace},
                 {"client_id", &ret->client},
                 {"service_id", &ret->name},
                 {"id", &ret->name},
                 {"type", &ret->type},
                 {"app_id", &ret->app}};
    struct slice key, value, name = {NULL, 0}, ignored;
    struct mp_iter it;

    if (mp_find(map, "id", &ignored) && mp_find(map, "service_id", &ignored))
        return refuse(r, "AssertionError",
                      "Cannot specify both 'id' and 'service_id' in the query.");
    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        unsigned i = 0;
        (void)mp_get_str(key, &name);
        while (i < ARRAY_LEN(parts) && !slice_is(name, parts[i].name))
            i++;
        if (i == ARRAY_LEN(parts))
            return refuse(r, "ValueError", "Invalid query keys: {'" SLICE_FMT "'}",
                          SLICE_ARG(name));
        if (!read_part(value, name, parts[i].part, r))
            return false;
    }
    return true;
}

static bool check_all(const struct list_query *q, struct refusal *r)
{
    if (q->workspace.len)
        return true;
    if (!slice_is(q->visibility, "protected") && !slice_is(q->visibility, "unlisted"))
        return true;
    return refuse(r, "AssertionError",
                  "Cannot list protected or unlisted services in all workspaces.");
}

bool list_query_read(struct slice query, struct slice context, struct list_query *ret,
                     struct refusal *r)
{
    struct list_query q = {.workspace = context, .client = any, .name = any};
    struct slice text;

    if (mp_get_str(query, &text))
        list_query_read_text(text, context, &q);
    else if (query.len && !list_query_read_map(query, &q, r))
        return false;
    if (!q.client.len)
        q.client = any;
    if (!q.name.len)
        q.name = any;
    if (!cut_app(&q, r) || !check_part(q.visibility, r) || !check_part(q.workspace, r) ||
        !check_part(q.client, r) || !check_part(q.name, r) || !check_part(q.app, r))
        return false;
    if (q.type.len > GLOB_MAX && glob_is(q.type))
        return refuse(r, "ValueError", "A pattern may have at most %d bytes", GLOB_MAX);
    if (!q.workspace.len)
        q.workspace = context;
    if (slice_eq(q.workspace, any))
        q.workspace = (struct slice){NULL, 0};
    if (!check_all(&q, r))
        return false;
    *ret = q;
    return true;
}
