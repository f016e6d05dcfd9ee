/* search: a question goes three ways: words and text filters to the index, tag filters to the
 * records, who asks to access. What is left is ordered here, because what stands on the page
 * depends on who asks. */
#include "manager/search.h"

#include <string.h>

#include "base/log.h"
#include "base/held.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/access.h"
#include "manager/reply.h"
#include "manager/room.h"
#include "manager/search_index.h"
#include "manager/search_question.h"
#include "manager/service_info.h"
#include "manager/view.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "registry/registry.h"
#include "store/text_index.h"
#include "wire/mp.h"

enum { TIME_MS = 500, QUESTIONS_OF_ONE = 16, QUESTIONS_OF_ALL = 256 };

struct service_search {
    struct hub *hub;
    struct search_index index;
    struct list questions; /* struct found: the index is asked */
};

struct service_search *service_search_new(struct hub *h)
{
    struct service_search *search = MEM_NEW(struct service_search);

    search->hub = h;
    list_init(&search->questions);
    search_index_init(&search->index, h);
    return search;
}

void service_search_free(struct service_search *search)
{
    if (!search)
        return;
    search_index_deinit(&search->index); /* answers the questions */
    mem_free(search);
}

/* ---- what is found ---- */

struct found {
    struct list link; /* in the search's questions while the index is asked */
    struct service_search *search;
    struct rpc_call *call;
    struct search_question question;
    struct search_hit *hits; /* owned */
    size_t n, n_room;
    bool has_failed;
    char sharer[SHARER_MAX]; /* of the caller */
};

static bool is_candidate(const struct found *f, const struct service *s)
{
    enum access_purpose purpose = f->question.with_unlisted ? ACCESS_LIST_UNLISTED : ACCESS_LIST;

    if (s->visibility != SERVICE_PUBLIC && !slice_is(f->call->workspace, s->client->workspace->id))
        return false;
    return access_service(f->call->user, f->call->workspace, s, purpose) != SERVICE_HIDDEN &&
           search_fits(&f->question, s);
}

static void add_hit(struct found *f, const struct service *s, double score)
{
    if (f->has_failed || !is_candidate(f, s))
        return;
    if (f->n == f->n_room) {
        size_t room = f->n_room ? f->n_room * 2 : 256;
        struct search_hit *grown =
            held_resize(f->hits, room * sizeof(*grown), f->search->hub->loop->own);
        f->has_failed = !grown;
        if (!grown)
            return;
        f->hits = grown;
        f->n_room = room;
    }
    f->hits[f->n++] = (struct search_hit){s, score};
}

static void add_all(struct found *f)
{
    struct service_query any = {.client = SLICE_LIT("*"), .name = SLICE_LIT("*")};
    struct service_cursor cursor;
    const struct service *s;

    service_query_start(&cursor, &f->search->hub->registry, &any);
    while ((s = service_query_next(&cursor)))
        add_hit(f, s, 0);
}

/* A match may be of a service that has gone meanwhile. Filters say yes or no, and not how close. */
static void add_matches(struct found *f, const struct text_match *matches, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct service *s = search_index_find(&f->search->index, matches[i].number);
        if (s)
            add_hit(f, s, f->question.has_words ? matches[i].score : 0);
    }
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
        search_add_item(b, &f->question, buf_slice(&record), hit->score);
    buf_deinit(&record);
}

static void answer(const struct found *f)
{
    const struct search_question *q = &f->question;
    size_t begin = q->offset < f->n ? q->offset : f->n;
    size_t n = f->n - begin < q->limit ? f->n - begin : q->limit;
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
    reply_buf(f->call, &b);
}

static void found_free(struct found *f)
{
    list_unlink(&f->link);
    held_free(f->hits);
    mem_free(f);
}

static void finish(struct found *f, int outcome)
{
    if (outcome == TEXT_INDEX_LATE) {
        rpc_reject(f->call, "RuntimeError", "The search takes too long: use fewer or rarer words");
    } else if (outcome != TEXT_INDEX_OK || f->has_failed) {
        rpc_reject(f->call, "RuntimeError", "The search has failed");
    } else {
        search_order(&f->question, f->hits, f->n);
        answer(f);
    }
    found_free(f);
}

static void on_searched(int outcome, const struct text_match *matches, size_t n, void *arg)
{
    add_matches(arg, matches, n);
    finish(arg, outcome);
}

/* One question after the other is answered, so whoever asks many at once is in the way of all. */
static bool has_room(const struct found *f, struct refusal *r)
{
    unsigned n = 0, n_all = 0;

    LIST_FOREACH(it, &f->search->questions)
    {
        const struct found *other = LIST_ENTRY(it, struct found, link);
        n += strcmp(other->sharer, f->sharer) == 0;
        n_all++;
    }
    if (n >= QUESTIONS_OF_ONE)
        return refuse(r, "RuntimeError", "Too many searches at once (at most %d)", QUESTIONS_OF_ONE);
    return n_all < QUESTIONS_OF_ALL ||
           refuse(r, "RuntimeError", "Too many searches at once (at most %d of all)", QUESTIONS_OF_ALL);
}

static void begin(struct found *f)
{
    struct service_search *search = f->search;

    list_link(&search->questions, &f->link);
    if (f->question.has_words || f->question.text.n_filters) {
        text_index_search(search->index.texts, &f->question.text, on_searched, f);
        return;
    }
    add_all(f);
    finish(f, TEXT_INDEX_OK);
}

void do_search_services(struct rpc_call *call, void *arg)
{
    struct service_search *search = ((struct manager *)arg)->search;
    struct refusal r;

    if (!search || !search->index.texts) {
        rpc_reject(call, "RuntimeError", "Service search is not enabled.");
        return;
    }
    struct found *f = MEM_NEW(struct found);
    f->search = search;
    f->call = call;
    list_init(&f->link);
    (void)sharer_of(call->user, client_find(&search->hub->registry, call->from_text), f->sharer);
    if (search_question_read(call, &f->question, &r) && has_room(f, &r)) {
        f->question.text.time_ms = TIME_MS;
        begin(f);
        return;
    }
    reply_refusal(call, &r);
    found_free(f);
}
