/* blocking: a block holds from the moment it is asked for; whoever asked is told when it will
 * survive a crash. Connections of who is blocked are closed at once; root is never kept out, since
 * somebody must be able to lift a block. */
#include <string.h>

#include "admin/admin_internal.h"
#include "auth/blocks.h"
#include "auth/revocation.h"
#include "auth/user.h"
#include "base/clock.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/evict.h"
#include "manager/reply.h"
#include "peer/closing.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "wire/ip.h"
#include "wire/mp.h"

enum { DEFAULT_S = 3600, LONG_S = 30 * 24 * 3600, FOREVER = -1 };
static const int64_t MOST_S = 100LL * 365 * 24 * 3600;

/* ---- arguments ---- */

/* The network of an address in its usual spelling, so that it is found again however it is written:
 * of IPv6 a person has a /64, and another address of it with each connection. */
static bool take_address(const struct rpc_call *call, char out[IP_TEXT_MAX], struct refusal *r)
{
    struct slice text = slice_trim(call_text(call, 0));
    char copy[IP_TEXT_MAX] = "";
    struct in6_addr network;

    if (text.len < sizeof(copy) && !slice_has_byte(text, '\0'))
        memcpy(copy, text.ptr, text.len);
    if (!ip_network_parse(copy, &network))
        return refuse(r, "ValueError", "Invalid IP address: " SLICE_FMT, SLICE_ARG(text));
    ip_network_print(&network, out);
    return true;
}

static bool take_user(const struct rpc_call *call, struct slice *ret, struct refusal *r)
{
    *ret = call_text(call, 0);
    if (!ret->len || ret->len > BLOCK_SUBJECT_MAX || !slice_is_utf8(*ret) ||
        slice_has_byte(*ret, '\0'))
        return refuse(r, "ValueError", "Invalid user id");
    return true;
}

/* Duration and reason. */
static bool take_terms(const struct rpc_call *call, struct block *ret, struct refusal *r)
{
    int64_t duration = DEFAULT_S;

    (void)mp_get_int(call->args[1], &duration);
    if (duration < FOREVER || duration > MOST_S)
        return refuse(r, "ValueError", "duration must be -1, 0 or a number of seconds");
    if (duration == 0)
        duration = LONG_S;
    ret->expires_at = duration == FOREVER ? 0 : clock_wall_ms() / 1000 + duration;
    ret->reason = slice_trim(call_text(call, 2));
    if (!ret->reason.len)
        ret->reason = SLICE_LIT("blocked");
    if (ret->reason.len > BLOCK_REASON_MAX || !slice_is_utf8(ret->reason) ||
        slice_has_byte(ret->reason, '\0'))
        return refuse(r, "ValueError", "reason must be a text of at most %d bytes",
                      BLOCK_REASON_MAX);
    return true;
}

/* ---- changes ---- */

/* The call, and what it is answered with when the store has the change, and who is blocked has been
 * put out. */
struct change {
    struct rpc_call *call;
    struct held_buf text;
    /* of a block: who, as `subject` spells it, and why, as the call does */
    struct block block;
    char subject[BLOCK_SUBJECT_MAX + 1];
    unsigned n_waits;
    int outcome; /* of the store */
};

static struct change *blocking_change_new(struct rpc_call *call)
{
    struct change *c = MEM_NEW(struct change);

    c->call = call;
    c->n_waits = 1;
    held_buf_init(&c->text, 0, rpc_call_payer(call));
    return c;
}

static void change_free(struct change *c)
{
    held_buf_deinit(&c->text);
    mem_free(c);
}

static void change_settle(struct change *c)
{
    if (--c->n_waits)
        return;
    if (c->outcome == BLOCK_OK)
        reply_text(c->call, buf_slice(&c->text.b));
    else
        rpc_reject(c->call, "RuntimeError",
                   "The change could not be stored: it holds until the server restarts");
    change_free(c);
}

static void blocking_on_changed(int outcome, void *arg)
{
    struct change *c = arg;

    c->outcome = outcome;
    change_settle(c);
}

static void on_kicked(size_t n, void *arg)
{
    struct change *c = arg;
    const struct block *block = &c->block;

    LOG_EVENT(EVENT_BLOCKED, log_slice("subject", block->subject),
              log_int("until", block->expires_at), log_int("kicked", (int64_t)n),
              log_slice("reason", block->reason));
    if (block->kind == BLOCK_USER)
        buf_add_fmt(&c->text.b, "Blocked user " SLICE_FMT ", kicked %zu connections",
                    SLICE_ARG(block->subject), n);
    else
        buf_add_fmt(&c->text.b, "Blocked IP " SLICE_FMT, SLICE_ARG(block->subject));
    change_settle(c);
}

static void blocking_kick(struct admin *a, struct change *c)
{
    const struct block *block = &c->block;

    struct closing closing = {.kind = block->kind == BLOCK_USER ? CLOSING_USER : CLOSING_ADDRESS,
                              .user = block->subject};
    SCRATCH_BUF(reason, 0);

    if (block->kind == BLOCK_ADDRESS && !ip_network_parse(c->subject, &closing.network)) {
        on_kicked(0, c);
        return;
    }
    buf_add_fmt(&reason, "%s blocked: " SLICE_FMT, block->kind == BLOCK_USER ? "User" : "IP",
                SLICE_ARG(block->reason));
    closing.reason = buf_slice(&reason);
    close_opened(a->manager, &closing, on_kicked, c);
}

static void blocking_add(struct admin *a, struct rpc_call *call, const struct block *block)
{
    struct change *c = blocking_change_new(call);

    c->n_waits = 2;
    c->block = *block;
    memcpy(c->subject, block->subject.ptr, block->subject.len);
    c->block.subject.ptr = c->subject;
    size_t max = loop_config(a->hub->loop)->max_blocks;

    if (!block_add(a->hub->blocks, block, max, blocking_on_changed, c)) {
        change_free(c);
        loop_count(a->hub->loop, METRIC_QUOTA_REFUSED, 1);
        rpc_reject(call, "RuntimeError", "Too many blocks: %zu are kept (--max-blocks)", max);
        return;
    }
    if (block->expires_at)
        revocations_note_time(a->hub->revocations);
    blocking_kick(a, c);
}

void admin_block_user(struct rpc_call *call, void *arg)
{
    struct block block = {.kind = BLOCK_USER};
    struct refusal r;

    if (!take_user(call, &block.subject, &r) || !take_terms(call, &block, &r))
        reply_refusal(call, &r);
    else if (slice_is(block.subject, "root"))
        rpc_reject(call, "ValueError", "The root user cannot be blocked");
    else
        blocking_add(arg, call, &block);
}

void admin_block_ip(struct rpc_call *call, void *arg)
{
    struct block block = {.kind = BLOCK_ADDRESS};
    char address[IP_TEXT_MAX];
    struct refusal r;

    if (!take_address(call, address, &r) || !take_terms(call, &block, &r)) {
        reply_refusal(call, &r);
        return;
    }
    block.subject = slice_of(address);
    blocking_add(arg, call, &block);
}

static void blocking_lift(struct admin *a, struct rpc_call *call, enum block_kind kind,
                          struct slice subject)
{
    struct change *c = blocking_change_new(call);

    buf_add_fmt(&c->text.b, "Unblocked %s " SLICE_FMT, kind == BLOCK_USER ? "user" : "IP",
                SLICE_ARG(subject));
    LOG_EVENT(EVENT_UNBLOCKED, log_slice("subject", subject));
    block_remove(a->hub->blocks, kind, subject, blocking_on_changed, c);
}

void admin_unblock_user(struct rpc_call *call, void *arg)
{
    struct slice id;
    struct refusal r;

    if (!take_user(call, &id, &r))
        reply_refusal(call, &r);
    else
        blocking_lift(arg, call, BLOCK_USER, id);
}

void admin_unblock_ip(struct rpc_call *call, void *arg)
{
    char address[IP_TEXT_MAX];
    struct refusal r;

    if (!take_address(call, address, &r))
        reply_refusal(call, &r);
    else
        blocking_lift(arg, call, BLOCK_ADDRESS, slice_of(address));
}

/* ---- list_blocked ---- */

static int64_t left_s(const struct block *block)
{
    uint64_t now_ms = clock_mono_ms();

    return block->until_ms > now_ms ? (int64_t)((block->until_ms - now_ms + 999) / 1000) : 0;
}

static void blocking_add_row(struct mp_open *list, const struct block *block)
{
    struct buf *b = list->buf;

    mp_item(list);
    mp_add_map(b, 3);
    mp_add_text(b, "id");
    mp_add_str(b, block->subject);
    mp_add_text(b, "reason");
    mp_add_str(b, block->reason);
    mp_add_text(b, "ttl_seconds");
    mp_add_int(b, block->expires_at ? left_s(block) : FOREVER);
}

static void add_kind(struct buf *b, const struct blocks *blocks, enum block_kind kind)
{
    const struct block *block;
    struct mp_open list;

    mp_open_array(&list, b);
    for (size_t cursor = 0; (block = blocks_next(blocks, &cursor));) {
        if (block->kind == kind)
            blocking_add_row(&list, block);
    }
    mp_close(&list);
}

void admin_list_blocked(struct rpc_call *call, void *arg)
{
    const struct blocks *blocks = ((struct admin *)arg)->hub->blocks;
    struct buf b;

    buf_init(&b, 0);
    mp_add_map(&b, 2);
    mp_add_text(&b, "users");
    add_kind(&b, blocks, BLOCK_USER);
    mp_add_text(&b, "ips");
    add_kind(&b, blocks, BLOCK_ADDRESS);
    reply_buf(call, &b);
}
