/* payload: a value is stepped over head by head, so a frame costs what it has values, not what it
 * has bytes: a chunk of a quarter of a megabyte is one. Each value is looked at once. Of a key that
 * comes twice the last counts. */
#include "rpc/payload.h"

#include "wire/mp.h"

enum payload_key { KEY_ARGS, KEY_KWARGS, KEY_PROMISE, KEY_T, KEY_OTHER };

struct pairs {
    struct slice rest, tail;
    size_t n_left; /* values that may be looked at */
    struct slice promise, t;
    struct payload *out;
};

static int payload_outcome_of(int taken)
{
    return taken == MP_OK ? PAYLOAD_OK : taken == MP_LATE ? PAYLOAD_LONG : PAYLOAD_BAD;
}

static enum payload_key payload_key_of(struct slice key)
{
    struct slice text;

    if (!mp_get_str(key, &text))
        return KEY_OTHER;
    return slice_is(text, "args")          ? KEY_ARGS
           : slice_is(text, "with_kwargs") ? KEY_KWARGS
           : slice_is(text, "promise")     ? KEY_PROMISE
           : slice_is(text, "t")           ? KEY_T
                                           : KEY_OTHER;
}

static void payload_note(struct pairs *p, enum payload_key key, struct slice value)
{
    switch (key) {
    case KEY_ARGS: /* no array */
        p->out->args = p->out->first = (struct slice){NULL, 0};
        break;
    case KEY_KWARGS:
        (void)mp_get_bool(value, &p->out->with_kwargs);
        break;
    case KEY_PROMISE:
        p->promise = value;
        break;
    case KEY_T:
        p->t = value;
        break;
    case KEY_OTHER:
        break;
    }
}

/* What stands behind the bytes in the frame goes on where they end. */
static void payload_cross(struct pairs *p)
{
    if (p->rest.len)
        return;
    p->rest = p->tail;
    p->tail = (struct slice){NULL, 0};
}

/* The arguments are an array: its first element is found on the way. Only one argument of an answer
 * may begin in the tail. */
static int take_args(struct pairs *p, struct slice whole, uint32_t n)
{
    struct slice value, first = {NULL, 0};
    bool is_whole = p->rest.len || !n;

    for (uint32_t i = 0; i < n; i++) {
        payload_cross(p);
        int r = mp_take_some(&p->rest, MP_MAX_DEPTH - 2, &p->n_left, &value);
        if (r != MP_OK)
            return payload_outcome_of(r);
        if (i == 0)
            first = value;
    }
    p->out->args = is_whole ? slice_to(whole, whole.len - p->rest.len) : (struct slice){NULL, 0};
    p->out->first = first;
    return PAYLOAD_OK;
}

static int take_pair(struct pairs *p)
{
    struct slice key, value;
    uint32_t n;
    int r = mp_take_some(&p->rest, MP_MAX_DEPTH - 1, &p->n_left, &key);

    if (r != MP_OK)
        return payload_outcome_of(r);
    enum payload_key k = payload_key_of(key);
    payload_cross(p);
    struct slice whole = p->rest;
    if (k == KEY_ARGS && mp_take_head(&p->rest, MP_ARRAY, &n))
        return take_args(p, whole, n);
    r = mp_take_some(&p->rest, MP_MAX_DEPTH - 1, &p->n_left, &value);
    if (r == MP_OK)
        payload_note(p, k, value);
    return payload_outcome_of(r);
}

int payload_read(struct slice bytes, struct slice tail, size_t n_values, struct payload *ret)
{
    struct pairs p = {.rest = bytes, .tail = tail, .n_left = n_values, .out = ret};
    uint32_t n;

    *ret = (struct payload){.n_values = 0};
    if (!bytes.len)
        return PAYLOAD_OK;
    if (!mp_take_head(&p.rest, MP_MAP, &n))
        return PAYLOAD_BAD;
    for (uint32_t i = 0; i < n; i++) {
        int r = take_pair(&p);
        if (r != PAYLOAD_OK)
            return r;
    }
    rpc_promise_read(p.promise, p.t, &ret->promise);
    ret->n_values = n_values - p.n_left;
    return PAYLOAD_OK;
}
