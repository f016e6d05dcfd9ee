/* bind: positional and keyword arguments to the parameters of a method's row, in the words Python
 * uses when they do not fit. The context is ours to make: a keyword of that name is ignored,
 * whoever sends it. Pure. */
#include "rpc/bind.h"

#include <stdio.h>

#include "wire/mp.h"

static const char *kind_text(enum rpc_kind kind)
{
    switch (kind) {
    case RPC_TEXT:
        return "a string";
    case RPC_BOOL:
        return "a boolean";
    case RPC_INT:
        return "an integer";
    case RPC_NUMBER:
        return "a number";
    case RPC_MAP:
        return "an object";
    case RPC_LIST:
        return "a list";
    case RPC_TEXT_OR_LIST:
        return "a string or a list";
    case RPC_TEXT_OR_MAP:
        return "a string or an object";
    case RPC_ANY:
        break;
    }
    return "a value";
}

static bool kind_fits(enum rpc_kind kind, struct slice v)
{
    enum mp_kind have = mp_kind(v);
    int64_t number;

    switch (kind) {
    case RPC_ANY:
        return true;
    case RPC_TEXT:
        return have == MP_STR;
    case RPC_BOOL:
        return have == MP_BOOL;
    case RPC_INT:
        return mp_get_int(v, &number);
    case RPC_NUMBER:
        return have == MP_INT || have == MP_FLOAT;
    case RPC_MAP:
        return have == MP_MAP;
    case RPC_LIST:
        return have == MP_ARRAY;
    case RPC_TEXT_OR_LIST:
        return have == MP_STR || have == MP_ARRAY;
    case RPC_TEXT_OR_MAP:
        return have == MP_STR || have == MP_MAP;
    }
    return false;
}

static unsigned count_params(const struct rpc_method *method)
{
    unsigned n = 0;

    while (n < RPC_MAX_PARAMS && method->params[n].name)
        n++;
    return n;
}

static int bind_keywords(const struct rpc_method *method, struct slice kwargs,
                         struct slice args[RPC_MAX_PARAMS], char error[BIND_ERROR_MAX])
{
    struct mp_iter it;
    struct slice key, value, name;

    mp_iter_init(&it, kwargs);
    while (mp_iter_pair(&it, &key, &value)) {
        unsigned i = 0;
        if (!mp_get_str(key, &name)) {
            snprintf(error, BIND_ERROR_MAX, "keywords must be strings");
            return BIND_BAD;
        }
        while (i < RPC_MAX_PARAMS && method->params[i].name &&
               !slice_is(name, method->params[i].name))
            i++;
        bool is_known = i < RPC_MAX_PARAMS && method->params[i].name;
        if (!is_known && slice_is(name, "context"))
            continue;
        if (!is_known) {
            name = slice_utf8_prefix(name, 128);
            snprintf(error, BIND_ERROR_MAX, "got an unexpected keyword argument '" SLICE_FMT "'",
                     SLICE_ARG(name));
            return BIND_BAD;
        }
        if (args[i].len) {
            snprintf(error, BIND_ERROR_MAX, "multiple values for argument '%s'",
                     method->params[i].name);
            return BIND_BAD;
        }
        args[i] = value;
    }
    return BIND_OK;
}

static int check_params(const struct rpc_method *method, unsigned n_params,
                        struct slice args[RPC_MAX_PARAMS], char error[BIND_ERROR_MAX])
{
    for (unsigned i = 0; i < n_params; i++) {
        const struct rpc_param *p = &method->params[i];
        if (p->is_optional && mp_is(args[i], MP_NIL))
            args[i] = (struct slice){NULL, 0};
        if (!args[i].len && p->is_optional)
            continue;
        if (!args[i].len) {
            snprintf(error, BIND_ERROR_MAX, "Missing required argument: '%s'", p->name);
            return BIND_BAD;
        }
        if (!kind_fits(p->kind, args[i])) {
            snprintf(error, BIND_ERROR_MAX, "Argument '%s' must be %s", p->name,
                     kind_text(p->kind));
            return BIND_BAD;
        }
    }
    return BIND_OK;
}

int bind_args(const struct rpc_method *method, const struct incoming *in,
              struct slice ret_args[RPC_MAX_PARAMS], char ret_error[BIND_ERROR_MAX])
{
    unsigned n_params = count_params(method);
    uint32_t n = mp_count(in->args);
    struct slice kwargs = {NULL, 0}, value;
    struct mp_iter it;

    memset(ret_args, 0, RPC_MAX_PARAMS * sizeof(*ret_args));
    if (in->with_kwargs && n) {
        n--;
        if (!mp_at(in->args, n, &kwargs) || !mp_is(kwargs, MP_MAP)) {
            snprintf(ret_error, BIND_ERROR_MAX, "keyword arguments must be a map");
            return BIND_BAD;
        }
    }
    if (n > n_params) {
        snprintf(ret_error, BIND_ERROR_MAX, "multiple values for argument 'context'");
        return BIND_BAD;
    }
    mp_iter_init(&it, in->args);
    for (uint32_t i = 0; i < n && mp_iter_next(&it, &value); i++)
        ret_args[i] = value;
    if (bind_keywords(method, kwargs, ret_args, ret_error) != BIND_OK)
        return BIND_BAD;
    return check_params(method, n_params, ret_args, ret_error);
}
