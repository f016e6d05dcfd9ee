/* mint_config: TokenConfig as clients send it, checked once into a type. Whatever ends up in the
 * scope claim must satisfy its grammar here, because the claim is text and a blank in the wrong
 * place would be another grant (D-01). */
#include "auth/mint_config.h"

#include <stdarg.h>
#include <stdio.h>

#include "auth/scope.h"
#include "base/memory.h"
#include "wire/address.h"
#include "wire/mp.h"

int mint_refuse(struct mint_error *ret_error, const char *class_name, const char *fmt, ...)
{
    va_list args;

    ret_error->class_name = class_name;
    va_start(args, fmt);
    (void)vsnprintf(ret_error->text, sizeof(ret_error->text), fmt, args);
    va_end(args);
    return MINT_REFUSED;
}

static int refuse_field(struct mint_error *ret_error, const char *field, const char *text)
{
    return mint_refuse(ret_error, "ValidationError", "1 validation error for TokenConfig\n%s\n  %s",
                       field, text);
}

/* The value of a key that is neither absent nor nil. */
static bool mint_config_find(struct slice map, const char *key, struct slice *ret)
{
    return mp_find(map, key, ret) && !mp_is(*ret, MP_NIL);
}

static bool parse_digits(struct slice text, int64_t *ret)
{
    struct slice digits = slice_trim(text);
    bool is_negative = slice_starts(digits, "-");
    int64_t n = 0;

    digits = slice_from(digits, is_negative || slice_starts(digits, "+") ? 1 : 0);
    if (digits.len == 0 || digits.len > 18)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.ptr[i] < '0' || digits.ptr[i] > '9')
            return false;
        n = n * 10 + (digits.ptr[i] - '0');
    }
    *ret = is_negative ? -n : n;
    return true;
}

static int read_life(struct slice map, struct mint_config *c, struct mint_error *ret_error)
{
    struct slice value, text;
    int64_t n;

    if (!mint_config_find(map, "expires_in", &value))
        return MINT_OK;
    if (!mp_get_int(value, &n) && !(mp_get_str(value, &text) && parse_digits(text, &n)))
        return refuse_field(ret_error, "expires_in", "Input should be a valid integer");
    if (n < 0)
        return mint_refuse(ret_error, "AssertionError", "expires_in should be greater than 0");
    if (n > MINT_LIFE_MAX_S)
        return refuse_field(ret_error, "expires_in", "Input should be less than a hundred years");
    if (n > 0)
        c->life_s = n;
    return MINT_OK;
}

static int read_permission(struct slice map, struct mint_config *c, struct mint_error *ret_error)
{
    struct slice value, name;

    if (!mint_config_find(map, "permission", &value))
        return MINT_OK;
    if (!mp_get_str(value, &name) || !permission_from_name(name, &c->permission))
        return refuse_field(ret_error, "permission",
                            "String should match pattern '^(read|read_write|admin)$'");
    return MINT_OK;
}

/* An optional text; *ret_text is empty when not given. */
static int mint_config_read_text(struct slice map, const char *key, struct slice *ret_text,
                                 struct mint_error *ret_error)
{
    struct slice value;

    if (mint_config_find(map, key, &value) && !mp_get_str(value, ret_text))
        return refuse_field(ret_error, key, "Input should be a valid string");
    return MINT_OK;
}

static int mint_config_read_workspace(struct slice map, struct slice context, struct mint_config *c,
                                      struct mint_error *ret_error)
{
    struct slice text = {0};
    int r = mint_config_read_text(map, "workspace", &text, ret_error);

    if (r)
        return r;
    if (text.len == 0)
        text = context;
    /* Existence and the hyphen rule are the registry's; here only what the scope claim can
     * carry. */
    if (!slice_is(text, "*") && workspace_id_check(text, true) != WORKSPACE_ID_OK) {
        struct slice shown = slice_utf8_prefix(text, 128);
        return mint_refuse(ret_error, "ValueError",
                           "Invalid workspace name: " SLICE_FMT
                           ", only lowercase letters, numbers and hyphens are allowed.",
                           SLICE_ARG(shown));
    }
    c->workspace = mem_copy(text.ptr, text.len);
    return MINT_OK;
}

static int read_client_id(struct slice map, struct mint_config *c, struct mint_error *ret_error)
{
    struct slice text = {0};
    int r = mint_config_read_text(map, "client_id", &text, ret_error);

    if (r || text.len == 0)
        return r;
    if (text.len > CLIENT_ID_MAX)
        return mint_refuse(ret_error, "ValueError",
                           "Invalid client id: it is too long (%zu bytes, at most %d are allowed)",
                           text.len, CLIENT_ID_MAX);
    if (!client_id_is_valid(text))
        return mint_refuse(ret_error, "ValueError", "Invalid client id");
    c->client_id = mem_copy(text.ptr, text.len);
    return MINT_OK;
}

/* One '@' with something on both sides and a dot after it: a typing error is caught, a mailbox is
 * not proven. */
static bool is_email(struct slice text)
{
    struct slice name, domain;

    if (text.len > 254 || !slice_cut(text, '@', &name, &domain) || name.len == 0 ||
        slice_has_byte(domain, '@'))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return slice_has_byte(domain, '.') && !slice_starts(domain, ".") && !slice_ends(domain, ".");
}

static int read_email(struct slice map, struct mint_config *c, struct mint_error *ret_error)
{
    struct slice text = {0}, value;
    int r = mint_config_read_text(map, "email", &text, ret_error);

    if (r || !mint_config_find(map, "email", &value))
        return r;
    if (!is_email(text))
        return refuse_field(ret_error, "email", "value is not a valid email address");
    c->email = mem_copy(text.ptr, text.len);
    return MINT_OK;
}

static int read_extras(struct slice map, struct mint_config *c, struct mint_error *ret_error)
{
    struct slice list, value, text;
    struct mp_iter it;
    size_t n_bytes = 0;

    c->extras.has_extras = true;
    if (!mint_config_find(map, "extra_scopes", &list))
        return MINT_OK;
    if (!mp_is(list, MP_ARRAY))
        return refuse_field(ret_error, "extra_scopes", "Input should be a valid list");
    if (mp_count(list) > MINT_EXTRAS_MAX)
        return mint_refuse(ret_error, "ValueError", "Too many extra scopes, at most %d",
                           MINT_EXTRAS_MAX);
    mp_iter_init(&it, list);
    while (mp_iter_next(&it, &value)) {
        if (!mp_get_str(value, &text))
            return refuse_field(ret_error, "extra_scopes", "Input should be a valid string");
        n_bytes += text.len;
        if (n_bytes > MINT_EXTRAS_BYTES_MAX)
            return mint_refuse(ret_error, "ValueError", "Extra scopes too long, at most %d bytes",
                               MINT_EXTRAS_BYTES_MAX);
        if (!scope_extra_is_valid(text))
            return mint_refuse(ret_error, "ValueError",
                               "Invalid scope, cannot start with ws or cid");
        scope_add_extra(&c->extras, text);
    }
    return MINT_OK;
}

void mint_config_deinit(struct mint_config *c)
{
    mem_free(c->workspace);
    mem_free(c->client_id);
    mem_free(c->email);
    scope_deinit(&c->extras);
    *c = (struct mint_config){0};
}

int mint_config_read(struct slice map, struct slice context_workspace, struct mint_config *ret,
                     struct mint_error *ret_error)
{
    int r = MINT_OK;

    *ret = (struct mint_config){.permission = PERMISSION_READ_WRITE, .life_s = MINT_LIFE_DEFAULT_S};
    if (map.len && !mp_is(map, MP_NIL) && !mp_is(map, MP_MAP))
        r = refuse_field(ret_error, "(root)",
                         "Input should be a valid dictionary or instance of TokenConfig");
    if (!r)
        r = read_life(map, ret, ret_error);
    if (!r)
        r = read_permission(map, ret, ret_error);
    if (!r)
        r = mint_config_read_workspace(map, context_workspace, ret, ret_error);
    if (!r)
        r = read_client_id(map, ret, ret_error);
    if (!r)
        r = read_email(map, ret, ret_error);
    if (!r)
        r = read_extras(map, ret, ret_error);
    if (r)
        mint_config_deinit(ret);
    return r;
}
