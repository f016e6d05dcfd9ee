/* What a client may do to a host's message_cache. */
#include "world.h"

static struct world w;

#define CACHE "services.built-in.message_cache."

/* Asks as `from`: the arguments stand in `args`, one encoded array. */
static struct question *step(struct rpc_host *from, const char *method,
                             void (*add)(struct buf *b, const char *key, int64_t n),
                             const char *key, int64_t n)
{
    struct question *q = question_new(from, "*/bob", method);

    add(&q->args, key, n);
    question_ask(&w, q);
    return q;
}

static void add_key(struct buf *b, const char *key, int64_t n)
{
    (void)n;
    mp_add_array(b, 1);
    mp_add_text(b, key);
}

static void add_overwrite(struct buf *b, const char *key, int64_t n)
{
    mp_add_array(b, 3);
    mp_add_text(b, key);
    mp_add_bool(b, false);
    mp_add_bool(b, n);
}

static void add_heartbeat(struct buf *b, const char *key, int64_t n)
{
    mp_add_array(b, 2);
    mp_add_text(b, key);
    mp_add_bool(b, n);
}

static void add_index(struct buf *b, const char *key, int64_t n)
{
    mp_add_array(b, 3);
    mp_add_text(b, key);
    mp_add_int(b, n);
    mp_add_bin(b, SLICE_LIT("data"));
}

static void add_bytes(struct buf *b, const char *key, int64_t n)
{
    char *bytes = mem_new((size_t)n + 1);

    mp_add_array(b, 2);
    mp_add_text(b, key);
    mp_add_bin(b, slice_make(bytes, (size_t)n));
    mem_free(bytes);
}

static void add_text_chunk(struct buf *b, const char *key, int64_t n)
{
    (void)n;
    mp_add_array(b, 2);
    mp_add_text(b, key);
    mp_add_text(b, "no bytes");
}

static void good(struct question *q)
{
    CHECK_INT(q->outcome, RPC_RESOLVED);
    CHECK(mp_is(buf_slice(&q->value), MP_NIL));
    question_free(q);
}

static void bad(struct question *q, const char *want)
{
    check_rejected(q, want);
    question_free(q);
}

CASE(keys_are_made_once_and_known_to_their_maker_only)
{
    world_open(&w);
    good(step(w.alice, CACHE "create", add_key, "k", 0));
    bad(step(w.alice, CACHE "create", add_key, "k", 0),
        "KeyError: 'Message with the same key (k) already exists in the cache store, "
        "please use overwrite=True or remove it first.'");
    good(step(w.alice, CACHE "create", add_overwrite, "k", 1));
    /* req: W-047 */
    bad(step(w.carol, CACHE "append", add_bytes, "k", 5),
        "KeyError: 'Message with key k does not exists.'");
    bad(step(w.carol, CACHE "process", add_key, "k", 0),
        "KeyError: 'Message with key k does not exists.'");
    bad(step(w.carol, CACHE "remove", add_key, "k", 0),
        "KeyError: 'Message with key k does not exists.'");
    good(step(w.carol, CACHE "create", add_key, "k", 0));
    good(step(w.carol, CACHE "remove", add_key, "k", 0));
    good(step(w.alice, CACHE "append", add_bytes, "k", 5));
    bad(step(w.alice, CACHE "append", add_text_chunk, "k", 0),
        "TypeError: Argument 'data' must be bytes");
    good(step(w.alice, CACHE "remove", add_key, "k", 0));
    bad(step(w.alice, CACHE "create", add_heartbeat, "nosession", 1),
        "KeyError: 'session does not exist anymore: nosession'");
    CHECK_INT(world_count(&w, METRIC_CHUNKS_REFUSED), 3);
    world_close(&w);
}

CASE(caps_on_keys_bytes_and_indexes)
{
    static const char full[] = "RuntimeError: Too many or too large chunked messages "
                               "(--max-chunk-keys, --max-chunk-bytes)";
    static const char *const keys[] = {"a", "b", "c", "d"};

    world_open(&w);
    for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
        good(step(w.alice, CACHE "create", add_key, keys[i], 0));
    bad(step(w.alice, CACHE "create", add_key, "e", 0), full);
    good(step(w.carol, CACHE "create", add_key, "e", 0));
    bad(step(w.alice, CACHE "set", add_index, "a", -1),
        "ValueError: The index of the chunk is out of range");
    bad(step(w.alice, CACHE "set", add_index, "a", 65536),
        "ValueError: The index of the chunk is out of range");
    /* empty places cost too */
    bad(step(w.alice, CACHE "set", add_index, "a", 65535), full);
    w.settings.max_chunk_bytes = 200000;
    good(step(w.alice, CACHE "append", add_bytes, "b", 90000));
    good(step(w.alice, CACHE "append", add_bytes, "c", 90000));
    bad(step(w.alice, CACHE "append", add_bytes, "d", 90000), full);
    good(step(w.alice, CACHE "remove", add_key, "b", 0));
    good(step(w.alice, CACHE "append", add_bytes, "d", 90000));
    world_close(&w);
}

CASE(only_whole_and_honest_messages_are_handled)
{
    struct buf frame;

    world_open(&w);
    good(step(w.alice, CACHE "create", add_key, "k", 0));
    bad(step(w.alice, CACHE "process", add_key, "k", 0),
        "ValueError: Chunks of message k are missing");
    good(step(w.alice, CACHE "set", add_index, "k", 1));
    bad(step(w.alice, CACHE "process", add_key, "k", 0),
        "ValueError: Chunks of message k are missing");
    good(step(w.alice, CACHE "set", add_index, "k", 0));
    bad(step(w.alice, CACHE "process", add_key, "k", 0),
        "ValueError: The chunked message is malformed");
    good(step(w.alice, CACHE "create", add_key, "k", 0));
    buf_init(&frame, 0);
    mp_add_map(&frame, 2);
    mp_add_text(&frame, "type");
    mp_add_text(&frame, "method");
    mp_add_text(&frame, "method");
    mp_add_text(&frame, CACHE "process");
    struct question *q = question_new(w.alice, "*/bob", CACHE "append");
    mp_add_array(&q->args, 2);
    mp_add_text(&q->args, "k");
    mp_add_bin(&q->args, buf_slice(&frame));
    question_ask(&w, q);
    good(q);
    bad(step(w.alice, CACHE "process", add_key, "k", 0),
        "ValueError: A chunked message may not call message_cache");
    buf_deinit(&frame);
    world_close(&w);
}

static void tell_alice_left(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    rpc_loop_peer_gone(w.rl[1], SLICE_LIT("wa/alice"));
}

CASE(uploads_go_with_their_sender_and_with_time)
{
    static const char absent[] = "KeyError: 'Message with key k does not exists.'";
    struct question *q;
    int n_tries = 0;

    world_open(&w);
    good(step(w.alice, CACHE "create", add_key, "k", 0));
    good(step(w.alice, CACHE "append", add_bytes, "k", 100));
    on_loop(&w, 1, tell_alice_left, NULL);
    bad(step(w.alice, CACHE "append", add_bytes, "k", 100), absent);
    w.settings.chunk_ttl_ms = 200;
    good(step(w.alice, CACHE "create", add_key, "k", 0));
    w.settings.max_chunk_keys = 1;
    do { /* no step on the key itself: that would keep it alive */
        q = step(w.alice, CACHE "create", add_key, "other", 0);
        bool is_full = q->outcome == RPC_REJECTED;
        question_free(q);
        if (!is_full)
            break;
    } while (++n_tries < 1000000);
    CHECK(n_tries > 0 && n_tries < 1000000);
    bad(step(w.alice, CACHE "append", add_bytes, "k", 100), absent);
    world_close(&w);
}

static void ask_and_leave(struct loop *l, void *arg)
{
    struct question *q = arg;

    question_send(l, q);
    rpc_host_close(w.alice);
}

static void alice_returns(struct loop *l, void *arg)
{
    (void)l;
    (void)arg;
    w.alice = world_host(&w, 0, "wa/alice", "wa");
}

CASE(who_has_left_begins_no_upload)
{
    world_open(&w);
    struct question *late = question_new(w.alice, "*/bob", CACHE "create");
    add_key(&late->args, "k", 0);
    late->rq.args = buf_slice(&late->args);
    on_loop(&w, 0, ask_and_leave, late);
    for (uint64_t until = clock_mono_ms() + WORLD_WAIT_MS; !world_count(&w, METRIC_CHUNKS_REFUSED);
         sched_yield())
        CHECK(clock_mono_ms() < until);
    question_free(late);
    on_loop(&w, 0, alice_returns, NULL);
    good(step(w.alice, CACHE "create", add_key, "k", 0));
    world_close(&w);
}

/* ---- identity ---- */

static void add_forged_frame(struct buf *b)
{
    static const char *const pairs[][2] = {{"type", "method"},
                                           {"from", "wx/boss"},
                                           {"to", "*/bob"},
                                           {"ws", "*"},
                                           {"method", "services.calc.deep.whoami"},
                                           {"session", "s9"}};

    mp_add_map(b, ARRAY_LEN(pairs));
    for (unsigned i = 0; i < ARRAY_LEN(pairs); i++) {
        mp_add_text(b, pairs[i][0]);
        mp_add_text(b, pairs[i][1]);
    }
    mp_add_map(b, 3);
    mp_add_text(b, "from");
    mp_add_text(b, "wx/boss");
    mp_add_text(b, "promise");
    mp_add_text(b, "*");
    mp_add_text(b, "t");
    mp_add_int(b, 15);
}

static void forge(struct loop *l, void *arg)
{
    struct raw *py = arg;
    struct buf frame, payload;

    (void)l;
    buf_init(&frame, 0);
    add_forged_frame(&frame);
    for (int i = 0; i < 3; i++) {
        static const char *const methods[] = {CACHE "create", CACHE "append", CACHE "process"};
        buf_init(&payload, 0);
        mp_add_map(&payload, 1);
        mp_add_text(&payload, "args");
        mp_add_array(&payload, i == 1 ? 2 : 1);
        mp_add_text(&payload, "k");
        if (i == 1)
            mp_add_bin(&payload, buf_slice(&frame));
        raw_send(py, py->address, SLICE_LIT("*/bob"), slice_of(methods[i]), NULL,
                 buf_slice(&payload));
        buf_deinit(&payload);
    }
    buf_deinit(&frame);
}

/* req: W-034 */
CASE(a_chunked_message_speaks_for_whoever_completed_it)
{
    struct raw py = {.world = &w, .address = "wp/py", .loop = 0},
               boss = {.world = &w, .address = "wx/boss", .loop = 0};
    struct slice args, value, item, text;
    struct rpc_header h;

    world_open(&w);
    on_loop(&w, 0, raw_arrive, &py);
    on_loop(&w, 0, raw_arrive, &boss);
    on_loop(&w, 0, forge, &py);
    wait_count(&py.n_frames, 1, "the answer");
    CHECK_INT(rpc_header_peek(msg_head_slice(py.frames[0]), &raw_caps, &h), RPC_HEADER_OK);
    check_slice(h.method, "s9.resolve");
    CHECK(mp_find(h.tail, "args", &args) && mp_at(args, 0, &value));
    CHECK(mp_at(value, 0, &item) && mp_get_str(item, &text));
    check_slice(text, "wp/py");
    CHECK(mp_at(value, 1, &item) && mp_get_str(item, &text));
    check_slice(text, "wp");
    CHECK_INT(atomic_load(&boss.n_frames), 0);
    on_loop(&w, 0, raw_leave, &py);
    on_loop(&w, 0, raw_leave, &boss);
    world_close(&w);
}

CASES(RUN(keys_are_made_once_and_known_to_their_maker_only), RUN(caps_on_keys_bytes_and_indexes),
      RUN(only_whole_and_honest_messages_are_handled),
      RUN(uploads_go_with_their_sender_and_with_time), RUN(who_has_left_begins_no_upload),
      RUN(a_chunked_message_speaks_for_whoever_completed_it))
