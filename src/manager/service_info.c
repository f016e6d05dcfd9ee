/* service_info: unknown keys of the map are dropped, unknown keys of its config are kept, nulls
 * stay nulls (S-40). The record is built here once, so that listings only copy bytes; it must be
 * JSON, because every listing is shown over HTTP too, and one record that cannot be shown would
 * spoil them all. */
#include "manager/service_info.h"

#include "auth/user.h"
#include "auth/user_mp.h"
#include "base/memory.h"
#include "manager/serializable.h"
#include "wire/address.h"
#include "wire/mp.h"
#include "wire/utf8.h"

#define HIDES "String should have no invisible characters"

static bool service_info_invalid(struct refusal *r, const char *field, const char *why)
{
    return refuse(r, "ValidationError", "1 validation error for ServiceInfo\n%s\n  %s", field, why);
}

/* ---- where it goes ---- */

bool service_place_read(struct slice map, struct slice context, struct service_place *ret,
                        struct refusal *ret_refusal)
{
    struct service_id id;
    struct slice text;

    if (!mp_find_str(map, "id", &text))
        return service_info_invalid(ret_refusal, "id", "Field required: a string");
    if (slice_has_byte(text, '\0') || !slice_is_utf8(text))
        return service_info_invalid(ret_refusal, "id", "Input should be a valid string");
    if (!service_id_split_registered(text, &id))
        return refuse(ret_refusal, "AssertionError", "Service id info must contain ':'");
    *ret = (struct service_place){id.workspace.len ? id.workspace : context, id.client, id.name};
    if (!slice_eq(ret->workspace, context))
        return refuse(ret_refusal, "PermissionError",
                      "Service ID workspace prefix '" SLICE_FMT "' does not match the current "
                      "workspace '" SLICE_FMT "'. Cannot register services in other workspaces.",
                      SLICE_ARG(ret->workspace), SLICE_ARG(context));
    if (!ret->name.len || ret->name.len > SERVICE_NAME_MAX)
        return service_info_invalid(ret_refusal, "id",
                                    "The service name should have 1 to 1024 bytes");
    if (utf8_has_invisible(ret->name))
        return service_info_invalid(ret_refusal, "id", HIDES);
    return true;
}

bool service_is_local_only(struct slice map, struct slice name)
{
    struct slice config;
    bool is_local = false;

    if (slice_starts(name, "_rintf_"))
        return true;
    return mp_find(map, "config", &config) && mp_find_bool(config, "_local_only", &is_local) &&
           is_local;
}

/* ---- checks ---- */

static size_t count_characters(struct slice text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return n;
}

/* A text or null; *ret is empty (ptr NULL) for null and absent. */
static bool service_info_read_text(struct slice map, const char *key, struct slice *ret,
                                   struct refusal *ret_refusal)
{
    struct slice value;

    *ret = (struct slice){NULL, 0};
    if (!mp_find(map, key, &value) || mp_is(value, MP_NIL))
        return true;
    if (!mp_get_str(value, ret) || slice_has_byte(*ret, '\0') || !slice_is_utf8(*ret))
        return service_info_invalid(ret_refusal, key, "Input should be a valid string");
    return true;
}

static bool is_list_of_texts(struct slice value)
{
    struct mp_iter it;
    struct slice item, text;

    if (!mp_is(value, MP_ARRAY))
        return false;
    mp_iter_init(&it, value);
    while (mp_iter_next(&it, &item)) {
        if (!mp_get_str(item, &text) || slice_has_byte(text, '\0'))
            return false;
    }
    return true;
}

static bool read_visibility(struct slice config, enum service_visibility *ret,
                            struct refusal *ret_refusal)
{
    struct slice value, text = {NULL, 0};

    *ret = SERVICE_PROTECTED;
    if (!mp_find(config, "visibility", &value))
        return true;
    (void)mp_get_str(value, &text);
    for (unsigned i = 0; i < SERVICE_VISIBILITIES; i++) {
        if (slice_is(text, service_visibility_name(i))) {
            *ret = i;
            return true;
        }
    }
    return service_info_invalid(ret_refusal, "config.visibility",
                                "Input should be 'public', 'protected' or 'unlisted'");
}

static bool read_authorized(struct slice config, struct service_draft *d,
                            struct refusal *ret_refusal)
{
    struct slice value, item;
    struct mp_iter it;

    if (!mp_find(config, "authorized_workspaces", &value) || mp_is(value, MP_NIL))
        return true;
    if (!is_list_of_texts(value))
        return service_info_invalid(ret_refusal, "config.authorized_workspaces",
                                    "Input should be a valid list of strings");
    if (d->fields.visibility != SERVICE_PROTECTED)
        return refuse(ret_refusal, "ValueError",
                      "authorized_workspaces can only be set when visibility is 'protected', got "
                      "visibility='%s'",
                      service_visibility_name(d->fields.visibility));
    d->fields.has_authorized = true;
    d->authorized = mem_new((mp_count(value) + 1) * sizeof(struct slice));
    mp_iter_init(&it, value);
    while (mp_iter_next(&it, &item))
        (void)mp_get_str(item, &d->authorized[d->fields.n_authorized++]);
    d->fields.authorized = d->authorized;
    return true;
}

static bool check_config(struct slice config, struct service_draft *d, struct refusal *ret_refusal)
{
    struct slice value;
    bool flag;

    if (config.len && !mp_is(config, MP_MAP))
        return service_info_invalid(ret_refusal, "config", "Input should be a valid dictionary");
    if (mp_find(config, "require_context", &value) && !mp_is(value, MP_NIL) &&
        !mp_get_bool(value, &flag) && !is_list_of_texts(value))
        return service_info_invalid(ret_refusal, "config.require_context",
                                    "Input should be a boolean or a list of strings");
    if (mp_find(config, "singleton", &value) && !mp_is(value, MP_NIL) &&
        !mp_get_bool(value, &d->fields.is_singleton))
        return service_info_invalid(ret_refusal, "config.singleton",
                                    "Input should be a valid boolean");
    if (mp_find(config, "flags", &value) && !mp_is(value, MP_NIL) && !is_list_of_texts(value))
        return service_info_invalid(ret_refusal, "config.flags",
                                    "Input should be a valid list of strings");
    return read_visibility(config, &d->fields.visibility, ret_refusal) &&
           read_authorized(config, d, ret_refusal);
}

/* ---- the record ---- */

static bool is_standard_key(struct slice key)
{
    static const char *const standard[] = {
        "visibility", "require_context", "workspace",         "flags",
        "singleton",  "created_by",      "service_embedding", "authorized_workspaces"};

    for (unsigned i = 0; i < ARRAY_LEN(standard); i++) {
        if (slice_is(key, standard[i]))
            return true;
    }
    return false;
}

static void add_raw_option(struct mp_open *map, struct slice config, const char *key,
                           struct slice otherwise)
{
    struct slice value;

    mp_key(map, key);
    mp_add_raw(map->buf, mp_find(config, key, &value) ? value : otherwise);
}

/* built-in shows who is behind a client; any other service only the id of who registered it. */
static void service_info_add_creator(struct buf *b, const struct service_origin *origin,
                                     bool is_built_in)
{
    struct mp_iter it;
    struct slice key, value, name;
    SCRATCH_BUF(whole, 0);

    if (!is_built_in) {
        mp_add_map(b, 1);
        mp_add_text(b, "id");
        mp_add_text(b, origin->creator->id);
        return;
    }
    user_add_mp(&whole, origin->creator, true);
    b->is_failed = b->is_failed || whole.is_failed;
    mp_add_map(b, mp_count(buf_slice(&whole)));
    mp_iter_init(&it, buf_slice(&whole));
    while (mp_iter_pair(&it, &key, &value)) {
        mp_add_raw(b, key);
        if (mp_get_str(key, &name) && slice_is(name, "current_workspace"))
            mp_add_str(b, origin->workspace);
        else
            mp_add_raw(b, value);
    }
}

static void service_info_add_config(struct buf *b, struct slice config,
                                    const struct service_draft *d,
                                    const struct service_origin *origin)
{
    const struct slice nil = SLICE_LIT("\xc0"), no = SLICE_LIT("\xc2"),
                       empty_list = SLICE_LIT("\x90");
    struct mp_open map;
    struct mp_iter it;
    struct slice key, value, name;

    mp_open_map(&map, b);
    mp_key(&map, "visibility");
    mp_add_text(b, service_visibility_name(d->fields.visibility));
    add_raw_option(&map, config, "require_context", no);
    mp_key(&map, "workspace");
    mp_add_str(b, origin->workspace);
    add_raw_option(&map, config, "flags", empty_list);
    add_raw_option(&map, config, "singleton", no);
    mp_key(&map, "created_by");
    service_info_add_creator(b, origin, slice_is(d->fields.name, "built-in"));
    add_raw_option(&map, config, "service_embedding", nil);
    add_raw_option(&map, config, "authorized_workspaces", nil);
    mp_iter_init(&it, config);
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name) && is_standard_key(name))
            continue;
        map.n++;
        mp_add_raw(b, key);
        mp_add_raw(b, value);
    }
    mp_close(&map);
}

static void service_info_add_text_or_nil(struct mp_open *map, const char *key, struct slice text)
{
    mp_key(map, key);
    if (text.ptr)
        mp_add_str(map->buf, text);
    else
        mp_add_nil(map->buf);
}

static bool check_record(struct service_draft *d, size_t max_bytes, struct refusal *ret_refusal)
{
    if (d->info.is_failed)
        return refuse(ret_refusal, "ValueError", "The service information is larger than %zu bytes",
                      max_bytes);
    if (!is_serializable(buf_slice(&d->info), SERIALIZABLE_DEPTH))
        return service_info_invalid(ret_refusal, "service",
                                    "Input should be JSON serializable and at most 48 levels deep");
    d->fields.info = buf_slice(&d->info);
    return true;
}

static void service_info_add_record(struct service_draft *d, struct slice map, struct slice config,
                                    const struct service_origin *origin,
                                    const struct slice texts[3])
{
    struct buf *b = &d->info;
    struct slice schema = {NULL, 0};
    struct mp_open open;

    (void)mp_find(map, "service_schema", &schema);
    mp_open_map(&open, b);
    mp_key(&open, "id");
    struct buf id;
    buf_init(&id, 0);
    buf_add_slice(&id, origin->full_client);
    buf_add_byte(&id, ':');
    buf_add_slice(&id, d->fields.name);
    mp_add_str(b, buf_slice(&id));
    buf_deinit(&id);
    mp_key(&open, "name");
    mp_add_str(b, texts[0].ptr ? texts[0] : d->fields.name);
    service_info_add_text_or_nil(&open, "type", d->fields.type);
    service_info_add_text_or_nil(&open, "description", texts[1]);
    service_info_add_text_or_nil(&open, "docs", texts[2]);
    mp_key(&open, "app_id");
    mp_add_str(b, d->fields.app_id);
    mp_key(&open, "service_schema");
    mp_add_raw(b, schema);
    mp_key(&open, "config");
    service_info_add_config(b, config, d, origin);
    mp_close(&open);
}

static bool service_info_read_fields(struct slice map, struct service_draft *d,
                                     struct slice ret_texts[3], struct refusal *ret_refusal)
{
    struct slice value;

    if (!service_info_read_text(map, "name", &ret_texts[0], ret_refusal) ||
        !service_info_read_text(map, "description", &ret_texts[1], ret_refusal) ||
        !service_info_read_text(map, "docs", &ret_texts[2], ret_refusal) ||
        !service_info_read_text(map, "type", &d->fields.type, ret_refusal) ||
        !service_info_read_text(map, "app_id", &d->fields.app_id, ret_refusal))
        return false;
    if (utf8_has_direction(ret_texts[0]))
        return service_info_invalid(ret_refusal, "name",
                                    "String should have no characters that turn its direction");
    if (utf8_has_invisible(d->fields.type) || utf8_has_invisible(d->fields.app_id))
        return service_info_invalid(ret_refusal,
                                    utf8_has_invisible(d->fields.type) ? "type" : "app_id", HIDES);
    if (count_characters(ret_texts[1]) > SERVICE_DESCRIPTION_MAX)
        return service_info_invalid(ret_refusal, "description",
                                    "String should have at most 1024 characters");
    if (!mp_find(map, "type", &value))
        d->fields.type = SLICE_LIT("generic");
    if (!d->fields.app_id.len)
        d->fields.app_id = SLICE_LIT("*");
    if (slice_has_byte(d->fields.app_id, '/'))
        return refuse(ret_refusal, "AssertionError", "App id info must not contain '/'");
    if (mp_find(map, "service_schema", &value) && !mp_is(value, MP_MAP) && !mp_is(value, MP_NIL))
        return service_info_invalid(ret_refusal, "service_schema",
                                    "Input should be a valid dictionary");
    return true;
}

bool service_draft_read(struct slice map, struct slice name, const struct service_origin *origin,
                        struct service_draft *ret, struct refusal *ret_refusal)
{
    struct slice config = {NULL, 0}, texts[3];
    struct service_draft d = {.fields.name = name};

    if (mp_find(map, "config", &config) && mp_is(config, MP_NIL))
        config = (struct slice){NULL, 0};
    buf_init(&d.info, origin->max_bytes);
    bool ok = service_info_read_fields(map, &d, texts, ret_refusal) &&
              check_config(config, &d, ret_refusal);
    if (ok) {
        service_info_add_record(&d, map, config, origin, texts);
        ok = check_record(&d, origin->max_bytes, ret_refusal);
    }
    if (!ok)
        service_draft_deinit(&d);
    *ret = d;
    return ok;
}

void service_draft_deinit(struct service_draft *d)
{
    buf_deinit(&d->info);
    mem_free(d->authorized);
    *d = (struct service_draft){0};
}
