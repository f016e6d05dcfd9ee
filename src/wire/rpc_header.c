/* rpc_header: reading the routing map in one pass and writing it back by splicing.
 *
 * The pass notes where the pairs are that the hub answers for (to, from, ws, user, ctx). Forwarding
 * copies the runs between them and appends our own, so every value of the client, whatever its
 * type, arrives as the bytes that were sent.
 *
 * Nothing is allocated while reading. Keys the hub knows are told apart by length first and checked
 * for repetition in a bit set; foreign keys are few in honest frames and are compared pairwise, and
 * past a handful through a table on the stack under the keyed hash, so that a frame full of keys
 * costs linear time. Any thread. */
#include "wire/rpc_header.h"

#include "base/map.h"
#include "wire/mp_head.h"

enum rpc_key {
    KEY_TO,
    KEY_WS,
    KEY_CTX,
    KEY_TYPE,
    KEY_FROM,
    KEY_USER,
    KEY_METHOD,
    KEY_PARENT,
    KEY_SESSION,
    KEY_OTHER
};

enum { FEW_KEYS = 16, MANY_SLOTS = 2 * RPC_HEADER_MAX_PAIRS };

struct scan {
    struct slice in;  /* what is left of the map */
    const char *base; /* first byte of the frame */
    struct rpc_header *h;
    unsigned depth; /* allowed inside a value */
    unsigned seen;  /* 1 << rpc_key */
    int outcome;    /* first complaint that does not stop the scan */
    unsigned n_others;
    struct slice others[FEW_KEYS];
};

static ALWAYS_INLINE enum rpc_key key_find(struct slice k)
{
    switch (k.len) {
    case 2:
        return memcmp(k.ptr, "to", 2) == 0   ? KEY_TO
               : memcmp(k.ptr, "ws", 2) == 0 ? KEY_WS
                                             : KEY_OTHER;
    case 3:
        return memcmp(k.ptr, "ctx", 3) == 0 ? KEY_CTX : KEY_OTHER;
    case 4:
        if (memcmp(k.ptr, "type", 4) == 0)
            return KEY_TYPE;
        return memcmp(k.ptr, "from", 4) == 0   ? KEY_FROM
               : memcmp(k.ptr, "user", 4) == 0 ? KEY_USER
                                               : KEY_OTHER;
    case 6:
        return memcmp(k.ptr, "method", 6) == 0   ? KEY_METHOD
               : memcmp(k.ptr, "parent", 6) == 0 ? KEY_PARENT
                                                 : KEY_OTHER;
    case 7:
        return memcmp(k.ptr, "session", 7) == 0 ? KEY_SESSION : KEY_OTHER;
    default:
        return KEY_OTHER;
    }
}

bool rpc_header_is_routing_key(struct slice k)
{
    return key_find(k) != KEY_OTHER;
}

static struct slice *text_place(struct rpc_header *h, enum rpc_key key)
{
    switch (key) {
    case KEY_TO:
        return &h->to;
    case KEY_TYPE:
        return &h->type;
    case KEY_FROM:
        return &h->from;
    case KEY_METHOD:
        return &h->method;
    case KEY_PARENT:
        return &h->parent;
    case KEY_SESSION:
        return &h->session;
    default:
        return NULL;
    }
}

static bool is_dropped(enum rpc_key key)
{
    const unsigned dropped =
        1u << KEY_TO | 1u << KEY_FROM | 1u << KEY_WS | 1u << KEY_USER | 1u << KEY_CTX;

    return dropped >> key & 1;
}

static void rpc_header_complain(struct scan *s, int outcome)
{
    if (s->outcome == RPC_HEADER_OK)
        s->outcome = outcome;
}

/* One value. ret_text: its text, or ptr NULL when it is none. MP_OK, MP_MORE, MP_BAD, MP_DEEP. */
static inline int scan_value(struct scan *s, struct slice *ret_text, bool *ret_is_nil)
{
    struct slice value;

    *ret_is_nil = false;
    if (mp_take_short_str(&s->in, ret_text))
        return MP_OK;
    *ret_text = (struct slice){NULL, 0};
    int r = mp_take(&s->in, s->depth, &value);
    if (r == MP_OK && !mp_get_str(value, ret_text))
        *ret_is_nil = mp_is(value, MP_NIL);
    return r;
}

static void rpc_header_note_other(struct scan *s, struct slice key)
{
    if (s->n_others < FEW_KEYS) {
        for (unsigned i = 0; i < s->n_others; i++) {
            if (slice_eq(s->others[i], key))
                rpc_header_complain(s, RPC_HEADER_DUPLICATE);
        }
        s->others[s->n_others] = key;
    }
    s->n_others++;
}

static void note_known(struct scan *s, enum rpc_key key, struct slice pair, struct slice text,
                       bool is_nil)
{
    struct slice *place = text_place(s->h, key);

    if (s->seen & 1u << key) {
        rpc_header_complain(s, RPC_HEADER_DUPLICATE);
        return;
    }
    s->seen |= 1u << key;
    if (is_dropped(key)) {
        s->h->dropped[s->h->n_dropped++] =
            (struct rpc_span){(uint32_t)(pair.ptr - s->base), (uint32_t)pair.len};
    }
    if (!place)
        return;
    if (text.ptr)
        *place = text;
    /* JavaScript's undefined travels as nil: as good as absent. What `from` claims never
     * matters. */
    else if (key != KEY_FROM && !is_nil)
        rpc_header_complain(s, RPC_HEADER_BAD);
}

static int scan_pair(struct scan *s)
{
    const char *start = s->in.ptr;
    struct slice key, text;
    bool is_nil;
    int r = scan_value(s, &key, &is_nil);

    if (r == MP_OK)
        r = scan_value(s, &text, &is_nil);
    if (r != MP_OK)
        return r;
    if (!key.ptr) {
        rpc_header_complain(s, RPC_HEADER_BAD_KEY);
        return MP_OK;
    }
    enum rpc_key known = key_find(key);
    if (known == KEY_OTHER)
        rpc_header_note_other(s, key);
    else
        note_known(s, known, slice_make(start, (size_t)(s->in.ptr - start)), text, is_nil);
    return MP_OK;
}

/* Whether any two keys of a sound map of at most RPC_HEADER_MAX_PAIRS are equal. */
static bool has_duplicate(struct slice map)
{
    struct slice slots[MANY_SLOTS] = {{NULL, 0}};
    struct mp_iter it;
    struct slice key, value, text;

    mp_iter_init(&it, map);
    while (mp_iter_pair(&it, &key, &value)) {
        if (!mp_get_str(key, &text))
            continue;
        uint64_t at = map_hash(text);
        for (;; at++) {
            struct slice *slot = &slots[at % MANY_SLOTS];
            if (!slot->ptr) {
                *slot = text;
                break;
            }
            if (slice_eq(*slot, text))
                return true;
        }
    }
    return false;
}

static int peek_failure(int r, bool is_cut)
{
    if (r == MP_DEEP || (r == MP_MORE && is_cut))
        return RPC_HEADER_TOO_BIG;
    return RPC_HEADER_BAD;
}

int rpc_header_peek(struct slice frame, const struct rpc_header_caps *caps, struct rpc_header *ret)
{
    bool is_cut = frame.len > caps->max_bytes;
    struct slice in = slice_to(frame, caps->max_bytes);
    struct mp_head head;

    *ret = (struct rpc_header){0};
    int r = mp_head_read((const uint8_t *)in.ptr, in.len, &head);
    if (r != MP_OK)
        return peek_failure(r, is_cut);
    if (head.kind != MP_MAP)
        return RPC_HEADER_BAD;
    if (head.n_inside / 2 > caps->max_pairs || head.n_inside / 2 > RPC_HEADER_MAX_PAIRS ||
        !caps->max_depth)
        return RPC_HEADER_TOO_BIG;

    struct scan s;
    s.in = slice_from(in, head.head_len);
    s.base = frame.ptr;
    s.h = ret;
    s.depth = caps->max_depth > MP_MAX_DEPTH ? MP_MAX_DEPTH : caps->max_depth - 1;
    s.seen = 0;
    s.outcome = RPC_HEADER_OK;
    s.n_others = 0;
    ret->n_pairs = (uint32_t)(head.n_inside / 2);
    for (uint32_t i = 0; i < ret->n_pairs; i++) {
        r = scan_pair(&s);
        if (r != MP_OK)
            return peek_failure(r, is_cut);
    }
    ret->map = slice_make(frame.ptr, (size_t)(s.in.ptr - frame.ptr));
    ret->tail = slice_from(frame, ret->map.len);
    if (s.n_others > FEW_KEYS && has_duplicate(ret->map))
        rpc_header_complain(&s, RPC_HEADER_DUPLICATE);
    if (!ret->to.ptr)
        rpc_header_complain(&s, RPC_HEADER_NO_TO);
    return s.outcome;
}

enum { MAP_HEAD_ROOM = 3, TO_HEAD_ROOM = 8 };

/* The pairs are at most RPC_HEADER_MAX_PAIRS and a few: 16 bits hold the count. */
static size_t map_head_write(char out[MAP_HEAD_ROOM], uint32_t n)
{
    if (n < 16) {
        out[0] = (char)(0x80 | n);
        return 1;
    }
    ASSERT(n <= UINT16_MAX);
    out[0] = (char)0xde;
    out[1] = (char)(n >> 8);
    out[2] = (char)(n & 0xff);
    return 3;
}

/* The key `to` and the head of its text. */
static size_t to_head_write(char out[TO_HEAD_ROOM], size_t len)
{
    unsigned n_bytes = len < 32 ? 0 : len <= UINT8_MAX ? 1 : len <= UINT16_MAX ? 2 : 4;
    static const char key[] = {(char)0xa2, 't', 'o'};
    static const char firsts[] = {0, (char)0xd9, (char)0xda, 0, (char)0xdb};

    memcpy(out, key, sizeof(key));
    out[3] = n_bytes ? firsts[n_bytes] : (char)(0xa0 | len);
    for (unsigned i = 0; i < n_bytes; i++)
        out[4 + i] = (char)(len >> 8 * (n_bytes - 1 - i));
    return 4 + n_bytes;
}

static char *rpc_header_put(char *at, const char *from, size_t n_bytes)
{
    if (n_bytes)
        memcpy(at, from, n_bytes);
    return at + n_bytes;
}

struct msg *rpc_header_splice(const struct rpc_header *h, struct slice to,
                              const struct rpc_sender_header *sender_header, bool copy_tail,
                              struct account *account)
{
    char map_head[MAP_HEAD_ROOM], to_head[TO_HEAD_ROOM];
    uint8_t first = (uint8_t)h->map.ptr[0];
    /* behind the client's own map head */
    size_t at = first == 0xde ? 3 : first == 0xdf ? 5 : 1;
    size_t n_tail = copy_tail ? h->tail.len : 0;
    size_t n_kept = h->map.len - at;

    ASSERT(to.len <= UINT32_MAX);
    for (uint32_t i = 0; i < h->n_dropped; i++)
        n_kept -= h->dropped[i].len;
    size_t n_map_head =
        map_head_write(map_head, h->n_pairs - h->n_dropped + 1 + sender_header->n_pairs);
    size_t n_to_head = to_head_write(to_head, to.len);
    struct msg *m = msg_try_new(
        n_map_head + n_kept + n_to_head + to.len + sender_header->pairs.len + n_tail, account);
    if (!m)
        return NULL;
    char *out = rpc_header_put(msg_head(m), map_head, n_map_head);
    for (uint32_t i = 0; i < h->n_dropped; i++) {
        out = rpc_header_put(out, h->map.ptr + at, h->dropped[i].at - at);
        at = (size_t)h->dropped[i].at + h->dropped[i].len;
    }
    out = rpc_header_put(out, h->map.ptr + at, h->map.len - at);
    out = rpc_header_put(out, to_head, n_to_head);
    out = rpc_header_put(out, to.ptr, to.len);
    out = rpc_header_put(out, sender_header->pairs.ptr, sender_header->pairs.len);
    out = rpc_header_put(out, h->tail.ptr, n_tail);
    ASSERT(out == msg_head(m) + m->head_len);
    return m;
}
