/* workspace_draft: unknown keys are dropped, null is the same as absent. What the server never
 * looks into stays encoded, but must be JSON, because workspaces are shown over HTTP. */
#include "manager/workspace_draft.h"

#include "base/memory.h"
#include "manager/serializable.h"
#include "wire/address.h"
#include "wire/mp.h"
#include "wire/utf8.h"

enum { OWNERS_MAX = 1024 };

static bool workspace_draft_invalid(struct refusal *r, const char *field, const char *why)
{
    return refuse(r, "ValidationError", "1 validation error for WorkspaceInfo\n%s\n  %s", field,
                  why);
}

/* ---- the id ---- */

bool workspace_draft_id(struct slice map, struct slice *ret_id, struct refusal *r)
{
    if (mp_is(map, MP_MAP) && (mp_find_str(map, "id", ret_id) || mp_find_str(map, "name", ret_id)))
        return true;
    return refuse(r, "AssertionError", "Workspace id must be provided.");
}

static bool workspace_draft_is_reserved(struct slice id)
{
    return slice_starts(id, "ws-user-") || slice_starts(id, "ws-anonymous") ||
           slice_is(id, "public");
}

bool workspace_id_allowed(struct slice id, bool is_root, struct refusal *r)
{
    switch (workspace_id_check(id, is_root)) {
    case WORKSPACE_ID_OK:
        break;
    case WORKSPACE_ID_EMPTY:
        return refuse(r, "ValueError", "Workspace name must not be empty.");
    case WORKSPACE_ID_NO_HYPHEN:
        return refuse(r, "ValueError",
                      "Workspace name must contain at least one hyphen (e.g. my-workspace).");
    case WORKSPACE_ID_TOO_LONG:
        return refuse(r, "ValueError", "Workspace name must have at most %d characters.",
                      WORKSPACE_ID_MAX);
    default:
        return refuse(r, "ValueError",
                      "Invalid workspace name: " SLICE_FMT
                      ", only lowercase letters, numbers and hyphens are "
                      "allowed.",
                      SLICE_ARG(id));
    }
    if (is_root || !workspace_draft_is_reserved(id))
        return true;
    return refuse(r, "PermissionError", "Permission denied: workspace name is reserved: " SLICE_FMT,
                  SLICE_ARG(id));
}

/* ---- the parts ---- */

static bool workspace_draft_read_text(struct slice map, const char *key, char **ret,
                                      struct refusal *r)
{
    struct slice value, text;

    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_get_str(value, &text) || slice_has_byte(text, '\0') || !slice_is_utf8(text))
        return workspace_draft_invalid(r, key, "Input should be a valid string");
    *ret = mem_copy(text.ptr, text.len);
    return true;
}

static bool workspace_draft_read_flag(struct slice map, const char *key, bool *ret,
                                      struct refusal *r)
{
    struct slice value;

    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL) || mp_get_bool(value, ret))
        return true;
    return workspace_draft_invalid(r, key, "Input should be a valid boolean");
}

static bool workspace_draft_read_owners(struct slice map, struct workspace_draft *d,
                                        struct refusal *r)
{
    struct slice value, item, text;
    struct mp_iter it;

    if (!mp_find(map, "owners", &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_is(value, MP_ARRAY) || mp_count(value) > OWNERS_MAX)
        return workspace_draft_invalid(r, "owners",
                                       "Input should be a valid list of at most 1024 strings");
    d->has_owners = true;
    d->owners = mem_new((mp_count(value) + 1) * sizeof(char *));
    mp_iter_init(&it, value);
    while (mp_iter_next(&it, &item)) {
        if (!mp_get_str(item, &text) || slice_has_byte(text, '\0') || !slice_is_utf8(text))
            return workspace_draft_invalid(r, "owners", "Input should be a valid string");
        text = slice_trim(text);
        if (text.len)
            d->owners[d->n_owners++] = mem_copy(text.ptr, text.len);
    }
    return true;
}

bool service_type_is_complete(struct slice type)
{
    struct slice id, name, definition;

    return mp_find_str(type, "id", &id) && id.len && !utf8_has_invisible(id) &&
           mp_find_str(type, "name", &name) && mp_find(type, "definition", &definition) &&
           mp_is(definition, MP_MAP);
}

static bool workspace_draft_check_types(struct slice map, struct refusal *r)
{
    struct slice types, key, value, name;
    struct mp_iter it;

    if (!mp_find(map, "service_types", &types) || mp_is(types, MP_NIL))
        return true;
    mp_iter_init(&it, types);
    while (mp_iter_pair(&it, &key, &value)) {
        if (!mp_get_str(key, &name) || !service_type_is_complete(value))
            return workspace_draft_invalid(r, "service_types",
                                           "Input should be a valid dictionary of service types");
    }
    return mp_is(types, MP_MAP)
               ? true
               : workspace_draft_invalid(r, "service_types", "Input should be a valid dictionary");
}

static bool workspace_draft_read_extra(struct slice map, struct workspace_draft *d,
                                       struct refusal *r)
{
    static const struct {
        const char *key;
        enum mp_kind kind;
    } parts[] = {
        {"icon", MP_STR}, {"covers", MP_ARRAY}, {"docs", MP_STR}, {"service_types", MP_MAP}};
    struct mp_open out;
    struct slice value;

    mp_open_map(&out, &d->extra);
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        if (!mp_find(map, parts[i].key, &value) || mp_is(value, MP_NIL))
            continue;
        if (!mp_is(value, parts[i].kind))
            return workspace_draft_invalid(r, parts[i].key, "Input is of the wrong type");
        mp_key(&out, parts[i].key);
        mp_add_raw(&d->extra, value);
    }
    mp_close(&out);
    return workspace_draft_check_types(map, r);
}

static bool read_config(struct slice map, struct workspace_draft *d, struct refusal *r)
{
    struct slice value;

    if (!mp_find(map, "config", &value) || mp_is(value, MP_NIL)) {
        mp_add_map(&d->config, 0);
        return true;
    }
    mp_add_raw(&d->config, value);
    return mp_is(value, MP_MAP)
               ? true
               : workspace_draft_invalid(r, "config", "Input should be a valid dictionary");
}

static bool workspace_draft_read_all(struct slice map, size_t max_bytes, struct workspace_draft *d,
                                     struct refusal *r)
{
    if (map.len > max_bytes)
        return refuse(r, "ValueError", "The record of a workspace has at most %zu bytes",
                      max_bytes);
    if (!workspace_draft_read_text(map, "id", &d->id, r) ||
        !workspace_draft_read_text(map, "name", &d->name, r) ||
        !workspace_draft_read_text(map, "description", &d->description, r) ||
        !workspace_draft_read_owners(map, d, r) ||
        !workspace_draft_read_flag(map, "persistent", &d->is_persistent, r) ||
        !workspace_draft_read_flag(map, "read_only", &d->is_read_only, r) ||
        !workspace_draft_read_extra(map, d, r) || !read_config(map, d, r))
        return false;
    if (d->name && utf8_has_direction(slice_of(d->name)))
        return workspace_draft_invalid(r, "name",
                                       "String should have no characters that turn its direction");
    if (!is_serializable(buf_slice(&d->config), SERIALIZABLE_DEPTH) ||
        !is_serializable(buf_slice(&d->extra), SERIALIZABLE_DEPTH))
        return workspace_draft_invalid(
            r, "config", "Input should be JSON serializable and at most 48 levels deep");
    return true;
}

bool workspace_draft_read(struct slice map, size_t max_bytes, struct workspace_draft *ret,
                          struct refusal *r)
{
    struct workspace_draft d = {0};

    buf_init(&d.config, 0);
    buf_init(&d.extra, 0);
    bool ok = workspace_draft_read_all(map, max_bytes, &d, r);
    if (!ok) {
        workspace_draft_deinit(&d);
    } else if (!d.id || !d.name || !*d.name) {
        const char *given = d.id ? d.id : d.name;
        char *copy = mem_copy(given, strlen(given));
        char **missing = d.id ? &d.name : &d.id;
        mem_free(*missing);
        *missing = copy;
    }
    *ret = d;
    return ok;
}

void workspace_draft_deinit(struct workspace_draft *d)
{
    mem_free(d->id);
    mem_free(d->name);
    mem_free(d->description);
    for (size_t i = 0; i < d->n_owners; i++)
        mem_free(d->owners[i]);
    mem_free(d->owners);
    buf_deinit(&d->config);
    buf_deinit(&d->extra);
    *d = (struct workspace_draft){0};
}
