/* rpc_frame: segment 1 is written by nobody else in this room, so the identity a host stamps cannot
 * be forgotten or forged by a caller. The body is copied once, straight behind the head: what the
 * hub says is small, or cut into chunks anyway. */
#include "rpc/rpc_frame.h"

#include "auth/user_mp.h"
#include "hyphad/protocol.h"
#include "wire/ws_frame.h"
#include "wire/mp.h"

static struct slice context_workspace(const struct rpc_host *h, struct slice to)
{
    struct address target;

    if (h->workspace.len)
        return h->workspace;
    return address_split(to, &target) ? target.workspace : h->parts.workspace;
}

static void add_path(struct buf *b, struct slice method, struct slice suffix)
{
    char small[256];
    SCRATCH_BUF(joined, 0);

    if (!suffix.len) {
        mp_add_str(b, method);
        return;
    }
    if (method.len + suffix.len <= sizeof(small)) {
        memcpy(small, method.ptr, method.len);
        memcpy(small + method.len, suffix.ptr, suffix.len);
        mp_add_str(b, slice_make(small, method.len + suffix.len));
        return;
    }
    buf_add_slice(&joined, method);
    buf_add_slice(&joined, suffix);
    mp_add_str(b, buf_slice(&joined));
    b->is_failed = b->is_failed || joined.is_failed;
}

static void rpc_frame_add_pair(struct buf *b, const char *key, struct slice text)
{
    mp_add_text(b, key);
    mp_add_str(b, text);
}

/* Nobody but this server has an address there. */
static bool is_for_manager(struct slice to)
{
    return slice_starts(to, "*/");
}

static void rpc_frame_add_head(struct buf *b, const struct rpc_host *h, const struct frame *f)
{
    mp_add_map(b, 6 + (f->session.len > 0) + (f->parent.len > 0));
    mp_add_text(b, "type");
    mp_add_text(b, "method");
    rpc_frame_add_pair(b, "from", h->address);
    rpc_frame_add_pair(b, "to", f->to);
    mp_add_text(b, "method");
    add_path(b, f->method, f->suffix);
    if (f->session.len)
        rpc_frame_add_pair(b, "session", f->session);
    if (f->parent.len)
        rpc_frame_add_pair(b, "parent", f->parent);
    rpc_frame_add_pair(b, "ws", context_workspace(h, f->to));
    mp_add_text(b, "user");
    if (is_for_manager(f->to))
        user_add_sealed_mp(b, buf_slice(&h->user_map.b), h->user);
    else
        mp_add_raw(b, buf_slice(&h->user_map.b));
}

struct msg *frame_new(struct rpc_host *h, const struct frame *f)
{
    struct buf *head = &h->rl->scratch;

    buf_clear(head);
    rpc_frame_add_head(head, h, f);
    if (head->is_failed)
        return NULL;
    size_t len = head->len;
    for (unsigned i = 0; i < ARRAY_LEN(f->body); i++)
        len += f->body[i].len;
    struct msg *m = msg_try_new(len, f->payer);
    if (!m) {
        loop_count(host_loop(h), METRIC_CHARGES_REFUSED, 1);
        return NULL;
    }
    char *at = msg_head(m);
    memcpy(at, head->ptr, head->len);
    at += head->len;
    for (unsigned i = 0; i < ARRAY_LEN(f->body); i++) {
        if (f->body[i].len)
            memcpy(at, f->body[i].ptr, f->body[i].len);
        at += f->body[i].len;
    }
    if (f->tail.len)
        msg_set_tail(m, f->blob, f->tail);
    m->is_hubs = true;
    ws_seal(m);
    return m;
}

int frame_send(struct rpc_host *h, const struct frame *f)
{
    struct msg *m = frame_new(h, f);

    if (!m)
        return FRAME_NO_MEMORY;
    if (router_send(h->rl->router, host_loop(h), f->to, m) == ROUTER_OK)
        return FRAME_SENT;
    msg_unref(m);
    return FRAME_NO_PEER;
}

void frame_send_or_drop(struct rpc_host *h, const struct frame *f)
{
    if (frame_send(h, f) == FRAME_NO_MEMORY) {
        struct frame ours = *f;
        ours.payer = host_loop(h)->own;
        router_overdrawn(h->rl->router, host_loop(h), f->to, frame_new(h, &ours));
    }
}

bool frame_is_large(const struct msg *m)
{
    return msg_len(m) > HYPHA_FRAME_MAX;
}
