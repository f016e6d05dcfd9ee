/* rpc_joined: heads are read by mp_head; what is nested in a value is counted, not remembered, so
 * any depth costs nothing. The three loops are one for each kind of thing bytes can belong to: a
 * body, a nested value, a key or value of one of the two maps. */
#include "wire/rpc_joined.h"

#include <string.h>

#include "wire/mp_head.h"
#include "wire/rpc_header.h"

void rpc_joined_init(struct rpc_joined *j)
{
    *j = (struct rpc_joined){.at = JOINED_START};
}

void rpc_joined_init_tail(struct rpc_joined *j, bool is_method)
{
    *j = (struct rpc_joined){.at = JOINED_BETWEEN, .has_type = true, .is_event = !is_method};
}

bool rpc_joined_is_whole(const struct rpc_joined *j)
{
    return (j->at == JOINED_BETWEEN || j->at == JOINED_END) && !j->n_head;
}

static struct slice rpc_joined_text_of(const struct rpc_joined *j)
{
    return slice_make(j->text, j->n_text);
}

static int end_key(struct rpc_joined *j)
{
    struct slice key = rpc_joined_text_of(j);

    j->value = JOINED_ANY;
    if (j->at == JOINED_PAYLOAD && j->is_event)
        return !j->is_long && rpc_header_is_routing_key(key) ? RPC_JOINED_FORBIDDEN : RPC_JOINED_OK;
    if (j->at == JOINED_PAYLOAD)
        return !j->is_long && rpc_tail_is_payload_key(key) ? RPC_JOINED_OK : RPC_JOINED_FORBIDDEN;
    if (slice_is(key, "method") && !j->is_long)
        j->value = JOINED_METHOD;
    if (!slice_is(key, "type") || j->is_long)
        return RPC_JOINED_OK;
    j->value = JOINED_TYPE;
    return j->has_type ? RPC_JOINED_BAD : RPC_JOINED_OK;
}

/* is_known: its text is all in `text`. */
static int end_value(struct rpc_joined *j, bool is_known)
{
    if (j->value == JOINED_TYPE && !(is_known && slice_is(rpc_joined_text_of(j), "method")))
        return RPC_JOINED_FORBIDDEN;
    if (j->value == JOINED_METHOD &&
        (!is_known || rpc_method_reaches_inside(rpc_joined_text_of(j))))
        return RPC_JOINED_FORBIDDEN;
    j->has_type = j->has_type || j->value == JOINED_TYPE;
    j->value = JOINED_ANY;
    if (j->items)
        return RPC_JOINED_OK;
    j->at = j->at == JOINED_MAP ? JOINED_BETWEEN : JOINED_END;
    return j->has_type ? RPC_JOINED_OK : RPC_JOINED_BAD;
}

/* A key or a value of a map has ended. */
static int end_item(struct rpc_joined *j)
{
    bool was_text = j->is_text;

    j->is_text = false;
    return j->items-- % 2 == 0 ? end_key(j) : end_value(j, was_text && !j->is_long);
}

static int begin_map(struct rpc_joined *j, const struct mp_head *h)
{
    if (h->kind != MP_MAP || (j->at == JOINED_START && !h->n_inside))
        return RPC_JOINED_BAD;
    j->at = j->at == JOINED_START ? JOINED_MAP : JOINED_PAYLOAD;
    j->items = h->n_inside;
    if (!j->items)
        j->at = JOINED_END;
    return RPC_JOINED_OK;
}

/* The head of a key or of a value of one of the maps. */
static int begin_item(struct rpc_joined *j, const struct mp_head *h)
{
    bool is_key = j->items % 2 == 0;

    if (is_key && h->kind != MP_STR)
        return RPC_JOINED_BAD;
    j->is_text = is_key || (j->value != JOINED_ANY && h->kind == MP_STR);
    j->n_text = 0;
    j->is_long = false;
    j->body = h->body_len;
    j->owed = h->n_inside;
    return j->body || j->owed ? RPC_JOINED_OK : end_item(j);
}

static int take_head(struct rpc_joined *j, const struct mp_head *h)
{
    if (j->owed) {
        j->owed += h->n_inside;
        j->owed--;
        j->body = h->body_len;
        return j->owed || j->body ? RPC_JOINED_OK : end_item(j);
    }
    switch (j->at) {
    case JOINED_START:
    case JOINED_BETWEEN:
        return begin_map(j, h);
    case JOINED_MAP:
    case JOINED_PAYLOAD:
        return begin_item(j, h);
    default:
        return RPC_JOINED_BAD;
    }
}

static int take_body(struct rpc_joined *j, struct slice *bytes)
{
    size_t n = j->body < bytes->len ? (size_t)j->body : bytes->len;
    size_t room = sizeof(j->text) - j->n_text, kept = n < room ? n : room;

    if (j->is_text) {
        memcpy(j->text + j->n_text, bytes->ptr, kept);
        j->n_text = (uint16_t)(j->n_text + kept);
        j->is_long = j->is_long || kept < n;
    }
    j->body -= n;
    *bytes = slice_from(*bytes, n);
    return j->body || j->owed ? RPC_JOINED_OK : end_item(j);
}

/* A head of at most nine bytes, which may have come in parts. False: it is cut, and kept. */
static bool read_head(struct rpc_joined *j, struct slice *bytes, struct mp_head *h, int *ret)
{
    size_t had = j->n_head, more = sizeof(j->head) - had;

    if (!had) {
        *ret = mp_head_read((const uint8_t *)bytes->ptr, bytes->len, h);
        if (*ret == MP_OK)
            *bytes = slice_from(*bytes, h->head_len);
        if (*ret != MP_MORE)
            return true;
    }
    more = more < bytes->len ? more : bytes->len;
    memcpy(j->head + had, bytes->ptr, more);
    *ret = mp_head_read(j->head, had + more, h);
    if (*ret == MP_MORE) {
        j->n_head = (uint8_t)(had + more);
        *bytes = slice_from(*bytes, more);
        return false;
    }
    j->n_head = 0;
    if (*ret == MP_OK)
        *bytes = slice_from(*bytes, h->head_len - had);
    return true;
}

int rpc_joined_feed(struct rpc_joined *j, struct slice bytes)
{
    int r = RPC_JOINED_OK, read;
    struct mp_head h;

    while (bytes.len && r == RPC_JOINED_OK) {
        if (j->body)
            r = take_body(j, &bytes);
        else if (j->at == JOINED_END)
            r = RPC_JOINED_BAD;
        else if (!read_head(j, &bytes, &h, &read))
            return RPC_JOINED_OK;
        else
            r = read == MP_OK ? take_head(j, &h) : RPC_JOINED_BAD;
    }
    return r;
}
