/* json_read: JSON text to MessagePack in one pass, without a tree: what is read is written at once,
 * so the cost of a text is that of its bytes, whatever its shape. The text is walked without
 * recursion; a stack knows the open arrays and objects.
 *
 * The head of a container is written before its size is known, in the long form, and made short at
 * its end when it is small.
 *
 * Where a key of an object comes twice, the last value counts, in the place of the first. So the
 * places of the keys of all open objects are kept, on a stack of their own, and an object that ends
 * looks for equal ones among its own. Few objects have any: they are written once more. Any
 * thread. */
#include <stdio.h>

#include "base/map.h"
#include "wire/json.h"
#include "wire/json_scalar.h"
#include "wire/mp.h"
#include "wire/mp_head.h"

enum {
    LONG_HEAD = 5, /* bytes */
    /* bytes of a container's content that are moved to make its head short */
    SHORT_MOST = 256,
    FEW_KEYS = 8, /* up to so many are compared with each other */
};

enum next {
    NEXT_VALUE,
    NEXT_VALUE_OR_END,
    NEXT_KEY,
    NEXT_KEY_OR_END,
    NEXT_COMMA_OR_END,
    NEXT_NOTHING
};

struct level {
    bool is_object;
    uint32_t n;    /* elements or pairs */
    size_t at;     /* where its head is in `out` */
    size_t n_keys; /* on the stack of keys before its own */
};

struct reader {
    struct slice text;
    size_t at;
    struct buf *out;
    size_t out_began;
    struct level levels[JSON_MAX_DEPTH];
    unsigned depth;
    /* uint32_t each: where keys of open objects begin in `out`, from out_began */
    struct buf keys;
    struct buf scratch, numbers;
    const char *error; /* the first */
    size_t error_at;
};

static bool json_fail(struct reader *r, const char *error, size_t at)
{
    if (!r->error) {
        r->error = error;
        r->error_at = at;
    }
    return false;
}

static int json_peek(const struct reader *r)
{
    return r->at < r->text.len ? (uint8_t)r->text.ptr[r->at] : -1;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->text.len && (r->text.ptr[r->at] == ' ' || r->text.ptr[r->at] == '\n' ||
                                   r->text.ptr[r->at] == '\r' || r->text.ptr[r->at] == '\t'))
        r->at++;
}

/* ---- keys that come twice ---- */

static uint32_t key_place(const struct reader *r, size_t i)
{
    uint32_t place;

    memcpy(&place, r->keys.ptr + i * sizeof(place), sizeof(place));
    return place;
}

/* Key i of the stack, as it is encoded. */
static struct slice key_at(const struct reader *r, size_t i)
{
    struct slice rest = slice_from(buf_slice(r->out), r->out_began + key_place(r, i)), key;

    ASSERT(mp_skip(&rest, &key) == MP_OK);
    return key;
}

/* Fills firsts[i] with the number of the first pair that has the key of pair i; false: all
 * differ. */
static bool find_few(const struct reader *r, const struct level *l, uint32_t *firsts)
{
    bool is_any = false;

    for (uint32_t i = 0; i < l->n; i++) {
        firsts[i] = i;
        for (uint32_t k = 0; k < i && firsts[i] == i; k++) {
            if (slice_eq(key_at(r, l->n_keys + k), key_at(r, l->n_keys + i)))
                firsts[i] = k;
        }
        is_any = is_any || firsts[i] != i;
    }
    return is_any;
}

/* slots: of a hash table, each the number of a pair, and one; all zero. */
static bool find_many(const struct reader *r, const struct level *l, uint32_t *firsts,
                      uint32_t *slots, size_t n_slots)
{
    bool is_any = false;

    for (uint32_t i = 0; i < l->n; i++) {
        struct slice key = key_at(r, l->n_keys + i);
        size_t s = map_hash(key) & (n_slots - 1);
        while (slots[s] && !slice_eq(key_at(r, l->n_keys + slots[s] - 1), key))
            s = (s + 1) & (n_slots - 1);
        if (!slots[s])
            slots[s] = i + 1;
        firsts[i] = slots[s] - 1;
        is_any = is_any || firsts[i] != i;
    }
    return is_any;
}

static struct slice pair_at(const struct reader *r, const struct level *l, uint32_t i)
{
    size_t begin = r->out_began + key_place(r, l->n_keys + i);
    size_t end = i + 1 < l->n ? r->out_began + key_place(r, l->n_keys + i + 1) : r->out->len;

    return slice_make(r->out->ptr + begin, end - begin);
}

/* The pairs that count, in the places of the first of their keys. */
static void write_again(struct reader *r, struct level *l, const uint32_t *firsts, uint32_t *lasts)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->n; i++)
        lasts[firsts[i]] = i;
    buf_clear(&r->scratch);
    for (uint32_t i = 0; i < l->n; i++) {
        if (firsts[i] != i)
            continue;
        buf_add_slice(&r->scratch, pair_at(r, l, lasts[i]));
        n++;
    }
    r->out->is_failed = r->out->is_failed || r->scratch.is_failed;
    r->out->len = l->at + LONG_HEAD;
    buf_add_slice(r->out, buf_slice(&r->scratch));
    l->n = n;
}

static void settle_few(struct reader *r, struct level *l)
{
    uint32_t firsts[FEW_KEYS], lasts[FEW_KEYS];

    if (find_few(r, l, firsts))
        write_again(r, l, firsts, lasts);
}

static void settle_many(struct reader *r, struct level *l)
{
    size_t n_slots = 4 * FEW_KEYS;

    while (n_slots < 2 * (size_t)l->n)
        n_slots *= 2;
    size_t n_bytes = (n_slots + 2 * (size_t)l->n) * sizeof(uint32_t);
    buf_clear(&r->numbers);
    uint32_t *slots = (uint32_t *)(void *)buf_reserve(&r->numbers, n_bytes);
    if (!slots)
        return;
    uint32_t *firsts = slots + n_slots;
    memset(slots, 0, n_slots * sizeof(*slots));
    if (find_many(r, l, firsts, slots, n_slots))
        write_again(r, l, firsts, firsts + l->n);
}

static void settle_keys(struct reader *r, struct level *l)
{
    if (l->n < 2 || r->out->is_failed)
        return;
    if (l->n <= FEW_KEYS)
        settle_few(r, l);
    else
        settle_many(r, l);
}

/* ---- containers ---- */

static bool open_level(struct reader *r, bool is_object)
{
    static const char head[LONG_HEAD];

    if (r->depth == JSON_MAX_DEPTH)
        return json_fail(r, "nested too deeply", r->at);
    r->levels[r->depth++] = (struct level){
        .is_object = is_object, .at = r->out->len, .n_keys = r->keys.len / sizeof(uint32_t)};
    buf_add(r->out, head, LONG_HEAD);
    r->at++;
    return true;
}

static void write_head(struct buf *out, const struct level *l)
{
    uint8_t *head = (uint8_t *)out->ptr + l->at;
    size_t n_content = out->len - l->at - LONG_HEAD;

    if (l->n < 16 && n_content <= SHORT_MOST) {
        head[0] = (uint8_t)((l->is_object ? 0x80 : 0x90) | l->n);
        memmove(head + 1, head + LONG_HEAD, n_content);
        out->len -= LONG_HEAD - 1;
        return;
    }
    head[0] = l->is_object ? 0xdf : 0xdd;
    for (unsigned i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(l->n >> 8 * (3 - i));
}

static void close_level(struct reader *r)
{
    struct level *l = &r->levels[r->depth - 1];

    r->at++;
    if (l->is_object)
        settle_keys(r, l);
    if (!r->out->is_failed)
        write_head(r->out, l);
    r->keys.len = l->n_keys * sizeof(uint32_t);
    r->depth--;
}

/* ---- the walk ---- */

static bool json_read_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);

    if (r->text.len - r->at < n || memcmp(r->text.ptr + r->at, word, n) != 0)
        return json_fail(r, "Expecting value", r->at);
    r->at += n;
    if (word[0] == 'n')
        mp_add_nil(r->out);
    else
        mp_add_bool(r->out, word[0] == 't');
    return true;
}

static bool json_read_scalar(struct reader *r)
{
    struct json_fault fault = {"Expecting value", r->at};
    int c = json_peek(r);
    bool ok = false;

    if (c == 't')
        return json_read_word(r, "true");
    if (c == 'f')
        return json_read_word(r, "false");
    if (c == 'n')
        return json_read_word(r, "null");
    if (c == '"')
        ok = json_read_string(r->text, &r->at, r->out, &r->scratch, &fault);
    else if (c == '-' || (c >= '0' && c <= '9'))
        ok = json_read_number(r->text, &r->at, r->out, &r->scratch, &fault);
    return ok || json_fail(r, fault.text, fault.at);
}

/* Counts what begins now with the container it stands in. */
static bool count_item(struct reader *r)
{
    if (r->depth && r->levels[r->depth - 1].n++ == UINT32_MAX)
        return json_fail(r, "too many values", r->at);
    return true;
}

static enum next after_value(const struct reader *r)
{
    return r->depth ? NEXT_COMMA_OR_END : NEXT_NOTHING;
}

static bool json_read_value(struct reader *r, enum next *next)
{
    int c = json_peek(r);

    if (c == '[' || c == '{') {
        *next = c == '[' ? NEXT_VALUE_OR_END : NEXT_KEY_OR_END;
        return open_level(r, c == '{');
    }
    *next = after_value(r);
    return json_read_scalar(r);
}

static bool json_read_key(struct reader *r, enum next *next)
{
    struct json_fault fault;
    uint32_t place = (uint32_t)(r->out->len - r->out_began);
    size_t began = r->at, key_at = r->out->len;
    struct slice key;

    if (json_peek(r) != '"')
        return json_fail(r, "Expecting property name enclosed in double quotes", r->at);
    buf_add(&r->keys, &place, sizeof(place));
    if (!json_read_string(r->text, &r->at, r->out, &r->scratch, &fault))
        return json_fail(r, fault.text, fault.at);
    if (!r->out->is_failed && mp_get_str(slice_from(buf_slice(r->out), key_at), &key) &&
        slice_has_byte(key, '\0'))
        return json_fail(r, "NUL byte in object key not supported", began);
    skip_blanks(r);
    if (json_peek(r) != ':')
        return json_fail(r, "Expecting ':' delimiter", r->at);
    r->at++;
    *next = NEXT_VALUE;
    return count_item(r);
}

static bool is_end(const struct reader *r)
{
    int c = json_peek(r);

    return r->depth && c == (r->levels[r->depth - 1].is_object ? '}' : ']');
}

/* One token, or a key with its colon. */
static bool read_step(struct reader *r, enum next *next)
{
    bool in_object = r->depth && r->levels[r->depth - 1].is_object;

    if (*next == NEXT_COMMA_OR_END && json_peek(r) == ',') {
        r->at++;
        *next = in_object ? NEXT_KEY : NEXT_VALUE;
        return true;
    }
    if (*next != NEXT_VALUE && *next != NEXT_KEY && is_end(r)) {
        close_level(r);
        *next = after_value(r);
        return true;
    }
    switch (*next) {
    case NEXT_VALUE:
    case NEXT_VALUE_OR_END:
        return (in_object || count_item(r)) && json_read_value(r, next);
    case NEXT_KEY:
    case NEXT_KEY_OR_END:
        return json_read_key(r, next);
    case NEXT_COMMA_OR_END:
        return json_fail(r, "Expecting ',' delimiter", r->at);
    case NEXT_NOTHING:
        break;
    }
    return json_fail(r, "Extra data", r->at);
}

/* In the words of Python's json, which the original uses. */
static void json_explain(const struct reader *r, char ret_error[JSON_ERROR_MAX])
{
    size_t line = 1, began = 0;

    for (size_t i = 0; i < r->error_at; i++) {
        if (r->text.ptr[i] == '\n') {
            line++;
            began = i + 1;
        }
    }
    (void)snprintf(ret_error, JSON_ERROR_MAX, "%s: line %zu column %zu (char %zu)", r->error, line,
                   r->error_at - began + 1, r->error_at);
}

static bool is_short_of_memory(const struct reader *r)
{
    return r->out->is_failed || r->keys.is_failed || r->scratch.is_failed || r->numbers.is_failed;
}

static bool json_read_all(struct reader *r)
{
    enum next next = NEXT_VALUE;

    for (skip_blanks(r); next != NEXT_NOTHING || r->at < r->text.len; skip_blanks(r)) {
        if (!read_step(r, &next))
            return false;
        if (is_short_of_memory(r))
            return false;
    }
    return true;
}

int json_to_mp(struct slice text, struct buf *out, char ret_error[JSON_ERROR_MAX])
{
    struct reader r = {.text = text, .out = out, .out_began = out->len};
    bool was_failed = out->is_failed;

    if (slice_starts(text, "\xef\xbb\xbf"))
        r.text = slice_from(text, 3);
    if (r.text.len > UINT32_MAX / 4 * 3) /* what is written of it is counted in 32 bits */
        return JSON_NO_MEMORY;
    buf_init(&r.keys, 0);
    buf_init(&r.scratch, 0);
    buf_init(&r.numbers, 0);
    bool ok = json_read_all(&r), is_short = is_short_of_memory(&r);
    buf_deinit(&r.keys);
    buf_deinit(&r.scratch);
    buf_deinit(&r.numbers);
    if (ok && !is_short)
        return JSON_OK;
    out->len = r.out_began;
    if (!r.error)
        return JSON_NO_MEMORY;
    out->is_failed = was_failed;
    if (ret_error)
        json_explain(&r, ret_error);
    return JSON_SYNTAX;
}
