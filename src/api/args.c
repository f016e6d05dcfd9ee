/* args: the conversions of query values are the original's, but for these: what is no plain decimal
 * number stays a text. */
#include "api/args.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "http/request.h"
#include "wire/json.h"
#include "wire/mp.h"
#include "wire/rpc_value.h"
#include "wire/url.h"

enum { MAX_NUMBER_TEXT = 400, MAX_QUERY_ARGS = 1000 };

/* What the route itself is asked by: no argument, but of a body that is for a function of the hub
 * with a parameter of that name. */
static const char *const reserved[] = {"_mode", "workspace", "service_id", "function_key"};

/* 0: it is not reserved. */
static unsigned reserved_bit(struct slice name)
{
    for (unsigned i = 0; i < ARRAY_LEN(reserved); i++) {
        if (slice_is(name, reserved[i]))
            return 1u << i;
    }
    return 0;
}

static bool args_is_reserved(struct slice name)
{
    return reserved_bit(name) != 0;
}

unsigned api_args_taken(struct slice function)
{
    struct slice schema, parameters, properties, key, value, name;
    unsigned taken = 0;
    struct mp_iter it;

    if (!mp_find(function, "_rschema", &schema) || !mp_find(schema, "parameters", &parameters) ||
        !mp_find(parameters, "properties", &properties) || !mp_is(properties, MP_MAP))
        return 0;
    mp_iter_init(&it, properties);
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name))
            taken |= reserved_bit(name);
    }
    return taken;
}

static size_t args_digits(struct slice s, size_t at)
{
    size_t n = 0;

    while (at + n < s.len && s.ptr[at + n] >= '0' && s.ptr[at + n] <= '9')
        n++;
    return n;
}

/* [sign] digits [. digits] [e [sign] digits], with at least one digit before the exponent. */
static bool is_decimal(struct slice s)
{
    size_t at = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
    size_t whole = args_digits(s, at), fraction = 0;

    at += whole;
    if (at < s.len && s.ptr[at] == '.') {
        fraction = args_digits(s, at + 1);
        at += 1 + fraction;
    }
    if (!whole && !fraction)
        return false;
    if (at < s.len && (s.ptr[at] == 'e' || s.ptr[at] == 'E')) {
        at++;
        at += at < s.len && (s.ptr[at] == '-' || s.ptr[at] == '+');
        size_t n = args_digits(s, at);
        if (!n)
            return false;
        at += n;
    }
    return at == s.len;
}

static bool args_add_number(struct slice text, struct buf *out)
{
    struct slice trimmed = slice_trim(text);
    char copy[MAX_NUMBER_TEXT];

    if (!is_decimal(trimmed) || trimmed.len >= sizeof(copy))
        return false;
    memcpy(copy, trimmed.ptr, trimmed.len);
    copy[trimmed.len] = '\0';
    if (text.len == args_digits(text, 0)) {
        errno = 0;
        unsigned long long n = strtoull(copy, NULL, 10);
        if (errno == 0) {
            mp_add_uint(out, n);
            return true;
        }
    }
    double d = strtod(copy, NULL);
    if (!isfinite(d))
        return false;
    mp_add_float(out, d);
    return true;
}

bool api_args_value(struct slice text, struct buf *out, struct buf *error)
{
    char why[JSON_ERROR_MAX];

    if (slice_starts(text, "{")) {
        if (json_to_mp(text, out, why) == JSON_OK)
            return true;
        buf_add_fmt(error, "Invalid request body: %s", why);
        return false;
    }
    if (!args_add_number(text, out))
        mp_add_str(out, text);
    return true;
}

/* A name=value of a query. Names are decoded one behind the other into one text. */
struct query_arg {
    size_t at, len; /* of the name */
    struct slice value;
    bool is_meant; /* neither repeated later nor the route's own */
};

/* Into at most MAX_QUERY_ARGS places. False: there are more. */
static bool split_query(struct slice query, struct query_arg *args, size_t *ret_n,
                        struct buf *names)
{
    struct slice rest = query, name, value;
    size_t n = 0;

    while (url_next_pair(&rest, &name, &value)) {
        if (n == MAX_QUERY_ARGS)
            return false;
        args[n] = (struct query_arg){.at = names->len, .value = value};
        url_decode(name, true, names);
        args[n].len = names->len - args[n].at;
        n++;
    }
    *ret_n = n;
    return true;
}

static struct slice args_name_of(const struct query_arg *a, const struct buf *names)
{
    return slice_make(names->ptr + a->at, a->len);
}

/* For repeated names the last wins. */
static void choose_args(struct query_arg *args, size_t n, const struct buf *names)
{
    struct map seen;

    map_init(&seen);
    for (size_t i = n; i-- > 0;) {
        struct slice name = args_name_of(&args[i], names);
        args[i].is_meant = !map_put(&seen, name, &args[i]) && !args_is_reserved(name);
    }
    map_deinit(&seen);
}

static int read_query(struct slice query, struct buf *map, uint32_t *ret_n, struct buf *error)
{
    struct query_arg *args = mem_new(MAX_QUERY_ARGS * sizeof(*args));
    SCRATCH_BUF(names, 0);
    SCRATCH_BUF(text, 0);
    int r = API_ARGS_OK;
    size_t n;

    *ret_n = 0;
    if (!split_query(query, args, &n, &names)) {
        buf_add_text(error, "Invalid request body: too many arguments");
        r = API_ARGS_BAD;
        n = 0;
    }
    choose_args(args, n, &names);
    for (size_t i = 0; r == API_ARGS_OK && i < n; i++) {
        if (!args[i].is_meant)
            continue;
        mp_add_str(map, args_name_of(&args[i], &names));
        buf_clear(&text);
        url_decode(args[i].value, true, &text);
        if (!api_args_value(buf_slice(&text), map, error))
            r = API_ARGS_BAD;
        (*ret_n)++;
    }
    mem_free(args);
    return r;
}

static void wrap_map(struct api_args *a, struct buf *pairs, uint32_t n)
{
    if (!n)
        return;
    mp_add_array(&a->array, 1);
    mp_add_map(&a->array, n);
    buf_add_slice(&a->array, buf_slice(pairs));
    a->with_kwargs = true;
}

static void from_map(struct slice map, struct api_args *ret)
{
    struct slice key, value, name;
    struct mp_iter it;
    SCRATCH_BUF(pairs, 0);
    uint32_t n = 0;

    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        if (mp_get_str(key, &name) && (reserved_bit(name) & ~ret->keeps))
            continue;
        mp_add_raw(&pairs, key);
        mp_add_raw(&pairs, value);
        n++;
    }
    wrap_map(ret, &pairs, n);
}

static bool keys_are_texts(struct slice map)
{
    struct slice key, value;
    struct mp_iter it;

    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        if (!mp_is(key, MP_STR))
            return false;
    }
    return true;
}

/* The one way in for arguments, whether they came as a body or as a query. */
static int from_value(struct slice value, struct api_args *ret, struct buf *error)
{
    struct slice type;
    bool is_typed = mp_find_str(value, "_rtype", &type);

    if (rpc_value_has_method(value)) {
        buf_add_text(error, "Invalid request body: function references cannot be passed over HTTP");
        return API_ARGS_BAD;
    }
    if (mp_is(value, MP_MAP) && !keys_are_texts(value)) {
        buf_add_text(error, "Invalid request body: map keys must be texts");
        return API_ARGS_BAD;
    }
    if (mp_is(value, MP_ARRAY)) {
        mp_add_raw(&ret->array, value);
    } else if (mp_is(value, MP_MAP) && !is_typed) {
        from_map(value, ret);
    } else {
        mp_add_array(&ret->array, 1);
        mp_add_raw(&ret->array, value);
    }
    return API_ARGS_OK;
}

/* The pairs are one map, which is taken as the same map in a body is. */
static int from_query(const struct http_request *req, struct api_args *ret, struct buf *error)
{
    SCRATCH_BUF(pairs, 0);
    SCRATCH_BUF(map, 0);
    uint32_t n;

    int r = read_query(req->query, &pairs, &n, error);
    if (r == API_ARGS_OK && n) {
        mp_add_map(&map, n);
        buf_add_slice(&map, buf_slice(&pairs));
        r = from_value(buf_slice(&map), ret, error);
    }
    return r;
}

static int from_msgpack(struct slice body, struct api_args *ret, struct buf *error)
{
    struct slice rest = body, value;

    if (mp_take(&rest, MP_MAX_DEPTH, &value) != MP_OK || rest.len) {
        buf_add_text(error, "Invalid request body: not one whole MessagePack value");
        return API_ARGS_BAD;
    }
    return from_value(value, ret, error);
}

static int from_json(struct slice body, struct api_args *ret, struct buf *error)
{
    char why[JSON_ERROR_MAX];
    struct slice rest, value;
    SCRATCH_BUF(b, 0);

    int r = json_to_mp(body, &b, why);
    if (r != JSON_OK) {
        buf_add_fmt(error, "Invalid request body: %s", why);
        r = API_ARGS_BAD;
    } else {
        rest = buf_slice(&b);
        int taken = mp_take(&rest, MP_MAX_DEPTH, &value);
        ASSERT(taken == MP_OK);
        r = from_value(value, ret, error);
    }
    return r;
}

enum api_body api_args_body(const struct http_request *req)
{
    struct slice type, head, rest;

    if (req->method != HTTP_M_POST || !req->body.len)
        return API_BODY_NONE;
    if (!http_request_header(req, "Content-Type", &type))
        return API_BODY_JSON;
    if (slice_cut(type, ';', &head, &rest))
        type = slice_trim(head);
    if (slice_is_nocase(type, "application/msgpack"))
        return API_BODY_MSGPACK;
    return slice_is_nocase(type, "application/json") ? API_BODY_JSON : API_BODY_OTHER;
}

int api_args_read_body(enum api_body kind, struct slice body, struct api_args *ret,
                       struct buf *error)
{
    if (kind == API_BODY_MSGPACK)
        return from_msgpack(body, ret, error);
    if (kind == API_BODY_JSON)
        return from_json(body, ret, error);
    buf_add_text(error,
                 "Invalid content-type (supported types: application/msgpack, application/json)");
    return API_ARGS_TYPE;
}

int api_args_read(const struct http_request *req, struct api_args *ret, struct buf *error)
{
    enum api_body kind = api_args_body(req);

    *ret = (struct api_args){0};
    buf_init(&ret->array, 0);
    if (kind != API_BODY_NONE)
        return api_args_read_body(kind, req->body, ret, error);
    return req->method == HTTP_M_POST ? API_ARGS_OK : from_query(req, ret, error);
}

void api_args_deinit(struct api_args *a)
{
    buf_deinit(&a->array);
}
