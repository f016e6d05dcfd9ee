/* chunks_out: the steps of 2.9 as ordinary calls of the host: ask what the target's message_cache
 * can do, create, set (several at once) or append (one after another), process. The upload lives
 * until each step it began has ended; who started it may lose interest earlier. Steps restart the
 * target's own timers when the key is its session.
 *
 *   ASKING -> CREATING -> FILLING -> PROCESSING -> ended
 *        any refusal -> (remove) -> ended */
#include "rpc/chunks_out.h"

#include "base/memory.h"
#include "base/random.h"
#include "hyphad/protocol.h"
#include "rpc/pending.h"
#include "wire/mp.h"

/* The protocol allows 30 at once; so many are 8 MB in the target's queue before it has read one. */
enum { CONCURRENT_SETS = 8, CHUNK_LEAST = 64 * 1024 };

enum upload_state {
    UPLOAD_ASKING,
    UPLOAD_CREATING,
    UPLOAD_FILLING,
    UPLOAD_PROCESSING,
    UPLOAD_ENDED
};

struct upload_out {
    /* alive while a step runs: closing a host ends its steps first */
    struct rpc_host *host;
    /* target and session point into text; frame holds a reference */
    struct upload_options o;
    struct slice key;
    enum upload_state state;
    bool can_set; /* api_version 3 */
    /* of the target's message_cache: clients of before 0.20.45 know the long form only */
    enum rpc_promise_form promise;
    size_t chunk_bytes;
    size_t n_chunks, n_begun, n_done;
    unsigned n_running;   /* steps whose answers are due */
    unsigned n_steps;     /* answers being handled, or chunks begun */
    struct deferred more; /* there was no time for all chunks that may be under way */
    char text[];
};

static void chunks_out_on_step(const struct rpc_reply *reply, void *arg);

/* A chunk and all that stands around it must fit one frame; a user with many grants takes more of
 * it. */
static size_t chunk_size(const struct upload_out *u)
{
    const struct rpc_host *h = u->host;
    size_t promise = u->promise == RPC_PROMISE_FULL ? 512 + 3 * h->address.len : 0;
    size_t around = 512 + promise + LINEAGE_BYTES_MAX + h->user_map.b.len + h->address.len +
                    h->workspace.len + 2 * u->o.target.len + u->key.len;

    if (around <= HYPHA_CHUNK_SLACK)
        return HYPHA_CHUNK_BYTES;
    return around + CHUNK_LEAST < HYPHA_FRAME_MAX ? HYPHA_FRAME_MAX - around : CHUNK_LEAST;
}

static void chunks_out_step(struct upload_out *u, struct slice method, const struct buf *args,
                            enum rpc_promise_form promise)
{
    struct rpc_request rq = {.target = u->o.target,
                             .method = method,
                             .args = buf_slice(args),
                             .promise = promise,
                             .payer = u->o.payer};

    u->n_running++;
    (void)pending_request_step(u->host, &rq, chunks_out_on_step, u);
}

static void step_key(struct upload_out *u, struct slice method, bool says_heartbeat)
{
    SCRATCH_BUF(args, 0);

    mp_add_array(&args, says_heartbeat ? 2 : 1);
    mp_add_str(&args, u->key);
    if (says_heartbeat)
        mp_add_bool(&args, u->o.session.len > 0);
    chunks_out_step(u, method, &args, u->promise);
}

static void chunks_out_ask(struct upload_out *u)
{
    SCRATCH_BUF(args, 0);

    mp_add_array(&args, 1);
    mp_add_text(&args, "built-in");
    chunks_out_step(u, SLICE_LIT("services.built-in.get_service"), &args, RPC_PROMISE_FULL);
}

/* What of n bytes from `at` on lies in a run that begins at `run_at`. */
static struct slice part_of(struct slice run, size_t run_at, size_t at, size_t n)
{
    size_t from = at > run_at ? at - run_at : 0,
           chunks_out_end = at + n > run_at ? at + n - run_at : 0;

    return from < run.len && chunks_out_end > from
               ? slice_to(slice_from(run, from), chunks_out_end - from)
               : (struct slice){NULL, 0};
}

static void send_chunk(struct upload_out *u)
{
    size_t at = u->n_begun * u->chunk_bytes;
    struct slice head = msg_head_slice(u->o.frame), first = part_of(head, 0, at, u->chunk_bytes),
                 second = part_of(u->o.frame->tail, head.len, at, u->chunk_bytes);
    SCRATCH_BUF(args, 0);

    mp_add_array(&args, u->can_set ? 4 : 3);
    mp_add_str(&args, u->key);
    if (u->can_set)
        mp_add_uint(&args, u->n_begun);
    mp_add_bin_two(&args, first, second);
    mp_add_bool(&args, u->o.session.len > 0);
    u->n_begun++;
    if (u->can_set)
        chunks_out_step(u, SLICE_LIT("services.built-in.message_cache.set"), &args, u->promise);
    else
        chunks_out_step(u, SLICE_LIT("services.built-in.message_cache.append"), &args, u->promise);
}

static void chunks_out_fill(struct upload_out *u)
{
    unsigned window = u->can_set ? CONCURRENT_SETS : 1;

    if (u->n_done == u->n_chunks) {
        u->state = UPLOAD_PROCESSING;
        step_key(u, SLICE_LIT("services.built-in.message_cache.process"), true);
        return;
    }
    while (u->state == UPLOAD_FILLING && u->n_running < window && u->n_begun < u->n_chunks) {
        send_chunk(u);
        if (loop_is_late(host_loop(u->host))) {
            loop_again(host_loop(u->host), &u->more);
            return;
        }
    }
}

static void chunks_out_end(struct upload_out *u, const struct rpc_reply *why)
{
    void (*ended)(void *arg, const struct rpc_reply *why) = u->o.ended;
    bool is_there = why && (why->outcome == RPC_REJECTED || why->outcome == RPC_OVERLOADED ||
                            why->outcome == RPC_TIMED_OUT);
    bool has_key = u->state == UPLOAD_FILLING || u->state == UPLOAD_PROCESSING;

    u->state = UPLOAD_ENDED;
    u->o.ended = NULL;
    u->o.progressed = NULL;
    /* First the clean-up call, then the owner: it may close the host. */
    if (is_there && has_key)
        step_key(u, SLICE_LIT("services.built-in.message_cache.remove"), false);
    if (ended)
        ended(u->o.arg, why);
}

static void chunks_out_upload_free(struct upload_out *u)
{
    list_unlink(&u->more.link);
    account_unref(u->o.payer);
    msg_unref(u->o.frame);
    mem_free(u);
}

static void step_handled(struct upload_out *u)
{
    u->n_steps--;
    if (u->n_running || u->n_steps)
        return;
    ASSERT(u->state == UPLOAD_ENDED);
    chunks_out_upload_free(u);
}

/* A step runs meanwhile: each time that a chunk is due one is sent, late or not. */
static void on_more(struct deferred *d)
{
    struct upload_out *u = CONTAINER_OF(d, struct upload_out, more);

    if (u->state != UPLOAD_FILLING || u->n_begun == u->n_chunks)
        return;
    u->n_steps++;
    chunks_out_fill(u);
    step_handled(u);
}

static void read_abilities(struct upload_out *u, struct slice service)
{
    struct slice config, version, cache, create, form = {NULL, 0};
    int64_t number = 0;

    if (mp_find(service, "config", &config) && mp_find(config, "api_version", &version))
        (void)mp_get_int(version, &number);
    u->can_set = number >= HYPHA_API_VERSION;
    if (mp_find(service, "message_cache", &cache) && mp_find(cache, "create", &create))
        (void)mp_find_str(create, "_rpromise", &form);
    u->promise = slice_is(form, "*") ? RPC_PROMISE_COMPACT : RPC_PROMISE_FULL;
    u->chunk_bytes = chunk_size(u);
    u->n_chunks = (msg_len(u->o.frame) + u->chunk_bytes - 1) / u->chunk_bytes;
}

static void chunks_out_go_on(struct upload_out *u, const struct rpc_reply *reply)
{
    if (u->o.progressed)
        u->o.progressed(u->o.arg);
    switch (u->state) {
    case UPLOAD_ASKING:
        read_abilities(u, reply->value);
        u->state = UPLOAD_CREATING;
        step_key(u, SLICE_LIT("services.built-in.message_cache.create"), true);
        break;
    case UPLOAD_CREATING:
        u->state = UPLOAD_FILLING;
        chunks_out_fill(u);
        break;
    case UPLOAD_FILLING:
        u->n_done++;
        chunks_out_fill(u);
        break;
    case UPLOAD_PROCESSING:
        chunks_out_end(u, NULL);
        break;
    case UPLOAD_ENDED:
        break;
    }
}

static void chunks_out_on_step(const struct rpc_reply *reply, void *arg)
{
    struct upload_out *u = arg;

    /* this one counts until the end of the function: beginning others cannot free the upload */
    u->n_steps++;
    u->n_running--;
    if (u->state == UPLOAD_ENDED) {
        /* a step that was under way when the upload ended */
    } else if (reply->outcome == RPC_RESOLVED) {
        chunks_out_go_on(u, reply);
    } else {
        chunks_out_end(u, reply);
    }
    step_handled(u);
}

struct upload_out *upload_out_new(struct rpc_host *h, const struct upload_options *options)
{
    size_t key_len = options->session.len ? options->session.len : RANDOM_ID_LEN;
    struct upload_out *u = mem_new(sizeof(*u) + options->target.len + key_len + 1);
    char *key = u->text + options->target.len;

    memcpy(u->text, options->target.ptr, options->target.len);
    if (options->session.len)
        memcpy(key, options->session.ptr, key_len);
    else
        random_id(key);
    u->host = h;
    list_init(&u->more.link);
    u->more.run = on_more;
    u->o = *options;
    account_ref(u->o.payer);
    u->o.target = slice_make(u->text, options->target.len);
    u->key = slice_make(key, key_len);
    if (options->session.len)
        u->o.session = u->key;
    chunks_out_ask(u);
    return u;
}

void upload_out_abandon(struct upload_out *u)
{
    if (!u)
        return;
    u->o.ended = NULL;
    u->o.progressed = NULL;
}
