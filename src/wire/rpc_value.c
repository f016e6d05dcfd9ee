/* rpc_value: the few typed maps the hub itself writes, reads or rewrites. Everything else in a
 * payload is opaque.
 *
 * The rewriting rule must find the references in a value of any shape that a client made. A walk
 * that asked each map for its `_rtype` would read deep values once per level; this one reads every
 * byte once, keeps what it knows of each open map on a stack, and notes the places to change, which
 * are then copied in order. Any thread. */
#include "wire/rpc_value.h"

#include <math.h>
#include <stdlib.h>

#include "wire/mp_head.h"
#include "wire/utf8.h"

/* Python's repr() of a text, as KeyError prints its argument. */
static void add_quoted(struct buf *b, struct slice text)
{
    char quote = slice_has_byte(text, '\'') && !slice_has_byte(text, '"') ? '"' : '\'';

    buf_add_byte(b, (uint8_t)quote);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\\' || c == quote)
            buf_add(b, (char[]){'\\', c}, 2);
        else if (c == '\n' || c == '\r' || c == '\t')
            buf_add(b, (char[]){'\\', c == '\n' ? 'n' : c == '\r' ? 'r' : 't'}, 2);
        else if ((uint8_t)c < 0x20 || c == 0x7f)
            buf_add_fmt(b, "\\x%02x", (unsigned)(uint8_t)c);
        else
            buf_add_byte(b, (uint8_t)c);
    }
    buf_add_byte(b, (uint8_t)quote);
}

void rpc_value_add_error(struct buf *b, const char *class_name, struct slice text)
{
    bool has_class = class_name && *class_name;
    SCRATCH_BUF(line, 0);
    SCRATCH_BUF(whole, 0);

    utf8_add(&whole, text); /* it may quote what a client sent */
    text = buf_slice(&whole);
    if (has_class)
        buf_add_fmt(&line, "%s: ", class_name);
    if (has_class && strcmp(class_name, "KeyError") == 0)
        add_quoted(&line, text);
    else
        buf_add_slice(&line, text);
    mp_add_map(b, 3);
    mp_add_text(b, "_rtype");
    mp_add_text(b, "error");
    mp_add_text(b, "_rvalue");
    mp_add_str(b, buf_slice(&line));
    mp_add_text(b, "_rtrace");
    mp_add_str(b, has_class ? buf_slice(&line) : SLICE_LIT(""));
    b->is_failed = b->is_failed || line.is_failed || whole.is_failed;
}

static void rpc_value_add_text_or_nil(struct buf *b, struct slice text)
{
    if (text.len)
        mp_add_str(b, text);
    else
        mp_add_nil(b);
}

void rpc_value_add_method(struct buf *b, const struct rpc_method_ref *ref)
{
    mp_add_map(b, 7 + (ref->server.len > 0) + (ref->schema.len > 0));
    mp_add_text(b, "_rtype");
    mp_add_text(b, "method");
    if (ref->server.len) {
        mp_add_text(b, "_rserver");
        mp_add_str(b, ref->server);
    }
    mp_add_text(b, "_rtarget");
    mp_add_str(b, ref->target);
    mp_add_text(b, "_rmethod");
    mp_add_str(b, ref->method);
    mp_add_text(b, "_rpromise");
    if (ref->promise)
        mp_add_text(b, ref->promise);
    else
        mp_add_bool(b, false);
    mp_add_text(b, "_rname");
    rpc_value_add_text_or_nil(b, ref->name);
    mp_add_text(b, "_rasync");
    mp_add_bool(b, true);
    mp_add_text(b, "_rdoc");
    rpc_value_add_text_or_nil(b, ref->doc);
    if (ref->schema.len) {
        mp_add_text(b, "_rschema");
        mp_add_raw(b, ref->schema);
    }
}

enum ref_key { REF_NO_KEY, REF_TYPE, REF_TARGET };

/* An array or map that is being walked. */
struct ref_level {
    uint64_t n_left;
    enum ref_key key;    /* the key just read; its value comes next */
    struct slice target; /* the encoded `_rtarget`, when it is a bare text */
    bool is_map;
    bool is_ref; /* its `_rtype` is method or generator */
};

struct ref_walk {
    struct ref_level levels[MP_MAX_DEPTH + 1];
    unsigned depth;
    struct buf found; /* struct slice each: the bare targets of references, in no order */
    size_t n_refs;
};

static void level_open(struct ref_walk *w, const struct mp_head *h)
{
    ASSERT(w->depth < MP_MAX_DEPTH);
    w->levels[++w->depth] = (struct ref_level){.n_left = h->n_inside, .is_map = h->kind == MP_MAP};
}

static void level_close(struct ref_walk *w)
{
    struct ref_level *l = &w->levels[w->depth--];

    if (!l->is_ref)
        return;
    w->n_refs++;
    if (l->target.len)
        buf_add(&w->found, &l->target, sizeof(l->target));
}

/* A value right inside l was read; scalars in full, of containers the head. */
static void level_note(struct ref_level *l, struct slice v)
{
    struct slice text = {NULL, 0};
    bool is_text = mp_get_str(v, &text);

    l->n_left--;
    if (!l->is_map)
        return;
    if (l->n_left % 2) {
        l->key = REF_NO_KEY;
        if (is_text && slice_starts(text, "_rt"))
            l->key = slice_is(text, "_rtype")     ? REF_TYPE
                     : slice_is(text, "_rtarget") ? REF_TARGET
                                                  : REF_NO_KEY;
    } else if (l->key == REF_TYPE) {
        l->is_ref = slice_is(text, "method") || slice_is(text, "generator");
    } else if (l->key == REF_TARGET) {
        l->target = is_text && !slice_has_byte(text, '/') ? v : (struct slice){NULL, 0};
    }
}

static void refs_find(struct ref_walk *w, struct slice value)
{
    struct mp_head h;

    w->depth = 0;
    w->n_refs = 0;
    w->levels[0] = (struct ref_level){.n_left = 1};
    buf_init(&w->found, 0);
    while (value.len) {
        ASSERT(mp_head_read((const uint8_t *)value.ptr, value.len, &h) == MP_OK);
        struct slice v = slice_to(value, h.head_len + h.body_len);
        value = slice_from(value, v.len);
        level_note(&w->levels[w->depth], v);
        if (h.kind == MP_ARRAY || h.kind == MP_MAP)
            level_open(w, &h);
        while (w->depth && !w->levels[w->depth].n_left)
            level_close(w);
    }
}

static int by_place(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;

    return (x->ptr > y->ptr) - (x->ptr < y->ptr);
}

void rpc_value_expand(struct slice value, struct slice workspace, struct buf *out)
{
    struct ref_walk w;
    const char *at = value.ptr;
    struct slice name = {NULL, 0};
    SCRATCH_BUF(target, 0);

    if (!value.len)
        return;
    refs_find(&w, value);
    struct slice *found = (struct slice *)(void *)w.found.ptr;
    size_t n_found = w.found.len / sizeof(*found);
    if (n_found > 1)
        qsort(found, n_found, sizeof(*found), by_place);
    for (size_t i = 0; i < n_found; i++) {
        buf_clear(&target);
        buf_add_slice(&target, workspace);
        buf_add_byte(&target, '/');
        if (mp_get_str(found[i], &name))
            buf_add_slice(&target, name);
        buf_add(out, at, (size_t)(found[i].ptr - at));
        mp_add_str(out, buf_slice(&target));
        at = found[i].ptr + found[i].len;
    }
    buf_add(out, at, (size_t)(value.ptr + value.len - at));
    out->is_failed = out->is_failed || w.found.is_failed || target.is_failed;
    buf_deinit(&w.found);
}

bool rpc_value_has_method(struct slice value)
{
    struct ref_walk w;

    /* Most answers have none, and a listing is megabytes: the word is looked for before the value
     * is walked. */
    if (!value.len || !memmem(value.ptr, value.len, "_rtype", strlen("_rtype")))
        return false;
    refs_find(&w, value);
    buf_deinit(&w.found);
    return w.n_refs > 0;
}

/* Heartbeats closer than this help nobody: half of the shortest limit any client sets is 2.5 s. */
static const double INTERVAL_LEAST_S = 0.1;

/* Three references with their paths; it is looked through once for each part. */
enum { PROMISE_MAX = 64 * 1024 };

static double interval_of(struct slice v)
{
    double s;

    if (!mp_get_num(v, &s) || !isfinite(s) || s <= 0)
        return 0;
    return s < INTERVAL_LEAST_S ? INTERVAL_LEAST_S : s;
}

static struct slice rpc_value_method_of(struct slice promise, const char *part)
{
    struct slice ref, method = {NULL, 0};

    if (mp_find(promise, part, &ref))
        mp_find_str(ref, "_rmethod", &method);
    return method;
}

void rpc_promise_read(struct slice promise, struct slice t, struct rpc_promise *ret)
{
    struct slice text, interval;

    *ret = (struct rpc_promise){.is_present = false};
    if (promise.len > PROMISE_MAX)
        return;
    if (mp_get_str(promise, &text) && slice_is(text, "*")) {
        ret->is_present = ret->is_compact = true;
        ret->interval_s = interval_of(t);
        return;
    }
    ret->resolve = rpc_value_method_of(promise, "resolve");
    ret->reject = rpc_value_method_of(promise, "reject");
    ret->heartbeat = rpc_value_method_of(promise, "heartbeat");
    ret->is_present = ret->resolve.len && ret->reject.len;
    ret->interval_s =
        ret->heartbeat.len && mp_find(promise, "interval", &interval) ? interval_of(interval) : 0;
}
