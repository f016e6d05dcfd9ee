/* search: a question goes three ways: words and text filters to the index, tag filters to the
 * records, who asks to access. What is left is ordered here, because what stands on the page
 * depends on who asks. */
#include "manager/search.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/access.h"
#include "manager/reply.h"
#include "manager/room.h"
#include "manager/search_question.h"
#include "manager/service_info.h"
#include "manager/view.h"
#include "peer/hub.h"
#include "registry/registry.h"
#include "store/text_index.h"
#include "wire/mp.h"

/* What of a record is indexed: enough to find it, little enough that ten thousand are no burden. */
enum { NAME_BYTES = 512, DOCS_BYTES = 4096, SCHEMA_BYTES = 2048, SCHEMA_DEPTH = 8 };
enum { TIME_MS = 100 };

struct service_search {
    struct hub *hub;
    struct text_index *index; /* NULL: there is none here */
    struct registry_watch watch;
};

/* ---- what is indexed ---- */

/* The keys and texts of a schema, as one text. */
static void add_texts(struct buf *b, struct slice value, unsigned depth)
{
    struct mp_iter it;
    struct slice key, item, text;

    if (b->len > SCHEMA_BYTES || depth > SCHEMA_DEPTH)
        return;
    if (mp_get_str(value, &text)) {
        buf_add_slice(b, text);
        buf_add_byte(b, ' ');
        return;
    }
    mp_iter_init(&it, value);
    while (mp_is(value, MP_MAP) && mp_iter_pair(&it, &key, &item)) {
        add_texts(b, key, depth + 1);
        add_texts(b, item, depth + 1);
    }
    while (mp_is(value, MP_ARRAY) && mp_iter_next(&it, &item))
        add_texts(b, item, depth + 1);
}

static struct slice text_of(struct slice map, const char *key, size_t max)
{
    struct slice text = {NULL, 0};

    (void)mp_find_str(map, key, &text);
    return slice_utf8_prefix(text, max);
}

static void put(struct service_search *search, const struct service *s)
{
    struct slice info = slice_make(s->info, s->info_len), schema = {NULL, 0};
    struct buf texts;

    (void)mp_find(info, "service_schema", &schema);
    buf_init(&texts, 0);
    if (schema.len)
        add_texts(&texts, schema, 0);
    /* In the order of enum search_field. Of the creator only the id: the rest is not for everybody
     * (D-47). */
    const struct slice fields[TEXT_INDEX_FIELDS] = {
        text_of(info, "name", NAME_BYTES), text_of(info, "description", DOCS_BYTES),
        text_of(info, "docs", DOCS_BYTES), slice_utf8_prefix(buf_slice(&texts), SCHEMA_BYTES),
        text_of(service_info_creator(info), "id", NAME_BYTES)};
    if (!text_index_put(search->index, (int64_t)s->number, slice_of(s->full_id), fields))
        LOG(LOG_WARN, "manager", "a service is not found by its text",
            log_text("service", s->full_id));
    buf_deinit(&texts);
}

static void on_service(struct registry_watch *w, const struct service *s)
{
    put(CONTAINER_OF(w, struct service_search, watch), s);
}

static void on_service_going(struct registry_watch *w, const struct service *s)
{
    text_index_remove(CONTAINER_OF(w, struct service_search, watch)->index, (int64_t)s->number);
}

struct service_search *service_search_new(struct hub *h)
{
    struct service_search *search = MEM_NEW(struct service_search);

    search->hub = h;
    search->index = text_index_new();
    list_init(&search->watch.link);
    search->watch.on_service = on_service;
    search->watch.on_service_going = on_service_going;
    if (search->index)
        list_link(&h->registry.watches, &search->watch.link);
    return search;
}

void service_search_free(struct service_search *search)
{
    if (!search)
        return;
    list_unlink(&search->watch.link);
    text_index_free(search->index);
    mem_free(search);
}

/* ---- what is found ---- */

struct found {
    const struct rpc_call *call;
    struct hub *hub;
    const struct search_question *question;
    struct search_hit *hits; /* owned */
    size_t n, n_room;
    bool has_failed;
};

static bool is_candidate(const struct found *f, const struct service *s)
{
    enum access_purpose purpose = f->question->with_unlisted ? ACCESS_LIST_UNLISTED : ACCESS_LIST;

    if (s->visibility != SERVICE_PUBLIC && !slice_is(f->call->workspace, s->client->workspace->id))
        return false;
    return access_service(f->call->user, f->call->workspace, s, purpose) != SERVICE_HIDDEN &&
           search_fits(f->question, s);
}

static void add_hit(struct found *f, const struct service *s, double score)
{
    if (!is_candidate(f, s) || f->has_failed)
        return;
    if (f->n == f->n_room) {
        size_t room = f->n_room ? f->n_room * 2 : 256;
        struct search_hit *grown = mem_try_resize(f->hits, room * sizeof(*grown));
        f->has_failed = !grown;
        if (!grown)
            return;
        f->hits = grown;
        f->n_room = room;
    }
    f->hits[f->n++] = (struct search_hit){s, score};
}

static void on_match(struct slice key, double score, void *arg)
{
    struct found *f = arg;
    const struct service *s = service_find(&f->hub->registry, key);

    if (s)
        add_hit(f, s,
                f->question->has_words ? score : 0); /* filters say yes or no, and not how close */
}

static void walk_all(struct found *f)
{
    struct service_query any = {.client = SLICE_LIT("*"), .name = SLICE_LIT("*")};
    struct service_cursor cursor;
    const struct service *s;

    service_query_start(&cursor, &f->hub->registry, &any);
    while ((s = service_query_next(&cursor)))
        add_hit(f, s, 0);
}

static bool find(struct service_search *search, struct found *f, struct refusal *r)
{
    const struct search_question *q = f->question;
    struct text_question question = q->text;
    int outcome = TEXT_INDEX_OK;

    question.deadline_ns = clock_mono_ns() + TIME_MS * 1000000ull;
    if (!q->has_words && !question.n_filters)
        walk_all(f);
    else
        outcome = text_index_search(search->index, &question, on_match, f);
    if (outcome == TEXT_INDEX_LATE)
        return refuse(r, "RuntimeError", "The search takes too long: use fewer or rarer words");
    return (outcome == TEXT_INDEX_OK && !f->has_failed) ||
           refuse(r, "RuntimeError", "The search has failed");
}

/* ---- the answer ---- */

static void add_item(struct buf *b, const struct found *f, const struct search_hit *hit)
{
    struct slice info = slice_make(hit->service->info, hit->service->info_len);
    struct buf record;

    buf_init(&record, 0);
    service_info_add(&record, info, view_of(f->call, hit->service));
    if (record.is_failed)
        b->is_failed = true;
    else
        search_add_item(b, f->question, buf_slice(&record), hit->score);
    buf_deinit(&record);
}

static void answer(struct rpc_call *call, const struct found *f)
{
    const struct search_question *q = f->question;
    size_t begin = q->offset < f->n ? q->offset : f->n,
           n = f->n - begin < q->limit ? f->n - begin : q->limit;
    struct buf b;

    buf_init(&b, 0);
    if (q->with_total) {
        mp_add_map(&b, 4);
        mp_add_text(&b, "total");
        mp_add_uint(&b, f->n);
        mp_add_text(&b, "offset");
        mp_add_uint(&b, q->offset);
        mp_add_text(&b, "limit");
        mp_add_uint(&b, q->limit);
        mp_add_text(&b, "items");
    }
    mp_add_array(&b, (uint32_t)n);
    for (size_t i = begin; i < begin + n; i++)
        add_item(&b, f, &f->hits[i]);
    reply_buf(call, &b);
}

void do_search_services(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct search_question question;
    struct refusal r;

    if (!m->search || !m->search->index) {
        rpc_reject(call, "RuntimeError", "Service search is not enabled.");
        return;
    }
    struct found f = {.call = call, .hub = m->hub, .question = &question};
    if (!search_question_read(call, &question, &r) || !find(m->search, &f, &r)) {
        reply_refusal(call, &r);
    } else {
        search_order(&question, f.hits, f.n);
        answer(call, &f);
    }
    mem_free(f.hits);
}
