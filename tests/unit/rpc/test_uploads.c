/* Frames that are too large for one message, on their way out of a host. */
#include "hyphad/protocol.h"
#include "world.h"

static struct world w;

static struct question *big_question(struct rpc_host *from, const char *target)
{
    struct question *q = question_new(from, target, "services.calc.echo");
    char *bytes = mem_new(BIG_BYTES);

    for (size_t i = 0; i < BIG_BYTES; i++)
        bytes[i] = (char)(i * 7);
    mp_add_array(&q->args, 1);
    mp_add_bin(&q->args, slice_make(bytes, BIG_BYTES));
    mem_free(bytes);
    return q;
}

static void check_echo(struct question *q)
{
    struct slice want;

    CHECK_INT(q->outcome, RPC_RESOLVED);
    CHECK(mp_at(buf_slice(&q->args), 0, &want));
    CHECK_BYTES(q->value.ptr, q->value.len, want.ptr, want.len);
    question_free(q);
}

/* Arguments and results both. req: W-045 W-046 W-079 */
CASE(a_megabyte_goes_and_comes_back)
{
    world_open(&w);
    struct question *far = big_question(w.alice, "*/bob"), *near = big_question(w.carol, "*/bob");
    question_begin(&w, far);
    question_ask(&w, near);
    check_echo(near);
    wait_flag(&far->is_done, "the far answer");
    check_echo(far);
    /* keys, bytes and calls of earlier ones are given back */
    for (int i = 0; i < 3; i++) {
        struct question *q = question_new(w.alice, "*/bob", "services.calc.fill");
        struct slice bytes;
        question_ask(&w, q);
        CHECK(mp_get_bin(buf_slice(&q->value), &bytes));
        CHECK_INT(bytes.len, BIG_BYTES);
        CHECK(bytes.ptr[BIG_BYTES - 1] == (char)((BIG_BYTES - 1) * 31));
        question_free(q);
    }
    CHECK_INT(world_count(&w, METRIC_CHUNKS_REFUSED), 0);
    world_close(&w);
}

CASE(a_large_call_to_nobody_fails_at_once)
{
    world_open(&w);
    struct question *q = big_question(w.alice, "wx/nobody");
    question_ask(&w, q);
    CHECK_INT(q->outcome, RPC_GONE);
    check_slice(buf_slice(&q->text), "Target peer wx/nobody is not connected");
    question_free(q);
    world_close(&w);
}

CASE(a_refused_upload_rejects_the_call)
{
    world_open(&w);
    w.settings.max_chunk_bytes = 500000;
    struct question *q = big_question(w.alice, "*/bob");
    question_ask(&w, q);
    check_rejected(q, "RuntimeError: Too many or too large chunked messages (--max-chunk-keys, "
                      "--max-chunk-bytes)");
    question_free(q);
    world_close(&w);
}

/* ---- a client of flesh that receives chunks ---- */

enum { MAX_CHUNKS = 16 };

struct receiver {
    bool can_set;
    int version; /* api_version it names; 0 = none */
    struct buf parts[MAX_CHUNKS];
    int n_parts;
    struct buf key;
    atomic_bool is_processed;
};

static void add_abilities(struct buf *b, const struct receiver *r)
{
    mp_add_map(b, 1);
    mp_add_text(b, "config");
    mp_add_map(b, r->version ? 1 : 0);
    if (r->version) {
        mp_add_text(b, "api_version");
        mp_add_int(b, r->version);
    }
}

static void keep_part(struct receiver *r, struct slice args, bool is_set)
{
    struct slice item, bytes;
    int64_t index = r->n_parts;

    CHECK_INT(r->can_set, is_set);
    if (is_set)
        CHECK(mp_at(args, 1, &item) && mp_get_int(item, &index));
    CHECK(mp_at(args, is_set ? 2 : 1, &item) && mp_get_bin(item, &bytes));
    CHECK(index < MAX_CHUNKS && bytes.len <= HYPHA_CHUNK_BYTES);
    buf_add_slice(&r->parts[index], bytes);
    r->n_parts++;
}

static void receive(struct raw *raw, const struct rpc_header *h, struct slice payload)
{
    struct receiver *r = raw->arg;
    struct slice args = {NULL, 0}, item, key;
    struct buf answer;

    CHECK(h->map.len + payload.len <= HYPHA_FRAME_MAX);
    if (!h->session.ptr)
        return;
    CHECK(mp_find(payload, "args", &args) && mp_at(args, 0, &item) && mp_get_str(item, &key));
    buf_init(&answer, 0);
    if (slice_ends(h->method, ".get_service")) {
        add_abilities(&answer, r);
    } else {
        if (slice_ends(h->method, ".create"))
            buf_add_slice(&r->key, key);
        CHECK(slice_eq(key, buf_slice(&r->key)));
        if (slice_ends(h->method, ".set") || slice_ends(h->method, ".append"))
            keep_part(r, args, slice_ends(h->method, ".set"));
        mp_add_nil(&answer);
    }
    raw_answer(raw, raw->address, h, ".resolve", buf_slice(&answer));
    buf_deinit(&answer);
    if (slice_ends(h->method, ".process"))
        atomic_store(&r->is_processed, true);
}

static void upload_to(int version)
{
    struct receiver r = {.can_set = version >= 3, .version = version};
    struct raw py = {.world = &w, .address = "wp/py", .loop = 1, .script = receive, .arg = &r};
    struct slice method;
    struct rpc_header h;
    struct buf whole;

    world_open(&w);
    on_loop(&w, 1, raw_arrive, &py);
    struct question *q = big_question(w.alice, "wp/py");
    question_begin(&w, q);
    wait_flag(&r.is_processed, "the whole frame");
    buf_init(&whole, 0);
    for (int i = 0; i < r.n_parts; i++)
        buf_add_slice(&whole, buf_slice(&r.parts[i]));
    CHECK_INT(rpc_header_peek(buf_slice(&whole), &raw_caps, &h), RPC_HEADER_OK);
    check_slice(h.to, "wp/py");
    check_slice(h.from, "wa/alice");
    CHECK(mp_find_str(h.map, "method", &method));
    check_slice(method, "services.calc.echo");
    CHECK(h.session.len && h.tail.len > BIG_BYTES);
    CHECK(!atomic_load(&q->is_done)); /* arrived is not answered */
    on_loop(&w, 1, raw_leave, &py);
    world_close(&w);
    CHECK_INT(q->outcome, RPC_CLOSED);
    question_free(q);
    for (int i = 0; i < MAX_CHUNKS; i++)
        buf_deinit(&r.parts[i]);
    buf_deinit(&r.key);
    buf_deinit(&whole);
}

CASE(a_new_client_gets_sets)
{
    upload_to(3);
}

CASE(an_old_client_gets_appends)
{
    upload_to(0);
}

CASES(RUN(a_megabyte_goes_and_comes_back), RUN(a_large_call_to_nobody_fails_at_once),
      RUN(a_refused_upload_rejects_the_call), RUN(a_new_client_gets_sets),
      RUN(an_old_client_gets_appends))
