/* search: a question goes three ways: words and text filters to the index, tag filters to the
 * records, who asks to access. What is left is ordered here, over as many turns as it takes,
 * because what stands on the page depends on who asks. */
#include "manager/search.h"

#include <string.h>

#include "base/held.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/caller_access.h"
#include "manager/reply.h"
#include "manager/manager_internal.h"
#include "manager/search_index.h"
#include "manager/search_page.h"
#include "manager/service_info.h"
#include "manager/service_tour.h"
#include "manager/service_projection.h"
#include "manager/caller_projection.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "registry/registry.h"
#include "store/text_index.h"
#include "wire/mp.h"

enum { TIME_MS = 500, QUESTIONS_OF_ONE = 16, QUESTIONS_OF_ALL = 256 };
enum { AT_ONCE = 8 }; /* services between two looks at the clock */

struct service_search {
    struct hub *hub;
    struct search_index index;
    struct list questions; /* struct found: under way */
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

struct found {
    struct list link; /* in the search's questions */
    struct work work;
    struct service_search *search;
    struct rpc_call *call;
    struct search_question question;
    struct search_page page;
    /* where it looks: what the index has found, or everything */
    struct text_match *matches; /* owned */
    size_t n_matches, at_match;
    struct service_tour tour;
    bool is_on_tour;
    /* the answer */
    struct held_buf out;
    struct mp_open items;
    size_t at_hit;
    bool is_ordered, has_gone;
    char sharer[SHARER_MAX]; /* of the caller */
};

/* ---- what is found ---- */

static bool is_candidate(const struct found *f, const struct service *s)
{
    enum access_purpose purpose = f->question.with_unlisted ? ACCESS_LIST_UNLISTED : ACCESS_LIST;

    if (s->visibility != SERVICE_PUBLIC && !slice_is(f->call->workspace, s->client->workspace->id))
        return false;
    return access_service(f->call->user, f->call->workspace, s, purpose) != SERVICE_HIDDEN &&
           search_fits(&f->question, s);
}

/* A match may be of a service that has gone meanwhile. Filters say yes or no, and not how close. */
static bool look_at_match(struct found *f)
{
    if (f->at_match == f->n_matches)
        return false;
    const struct text_match *match = &f->matches[f->at_match++];
    const struct service *s = search_index_find(&f->search->index, match->number);
    if (s && is_candidate(f, s))
        search_page_add(&f->page, s, f->question.has_words ? match->score : 0);
    return true;
}

static bool look_at_service(struct found *f)
{
    struct service *s;

    if (!service_tour_step(&f->tour, &s))
        return false;
    if (s && is_candidate(f, s))
        search_page_add(&f->page, s, 0);
    return true;
}

/* ---- the answer ---- */

static void search_write_item(struct found *f, const struct service *s, double score)
{
    SCRATCH_BUF(record, 0);

    service_info_add(&record, slice_make(s->info, s->info_len), projection_of(f->call, s));
    mp_item(&f->items);
    if (record.is_failed)
        f->out.b.is_failed = true;
    else
        search_add_item(&f->out.b, &f->question, buf_slice(&record), score);
}

static void open_answer(struct found *f)
{
    const struct search_question *q = &f->question;
    struct buf *b = &f->out.b;

    if (q->with_total) {
        mp_add_map(b, 4);
        mp_add_text(b, "total");
        mp_add_uint(b, f->page.n_found);
        mp_add_text(b, "offset");
        mp_add_uint(b, q->offset);
        mp_add_text(b, "limit");
        mp_add_uint(b, q->limit);
        mp_add_text(b, "items");
    }
    mp_open_array(&f->items, b);
    f->at_hit = q->offset;
    f->is_ordered = true;
}

/* One that has gone since it was found, or come again as another, is left out. */
static bool write_hit(struct found *f)
{
    if (f->at_hit >= f->page.n_hits || f->out.b.is_failed)
        return false;
    const struct search_hit *hit = &f->page.hits[f->at_hit++];
    const struct service *s = service_find(&f->search->hub->registry, hit->id);
    if (s && s->number == hit->number && is_candidate(f, s))
        search_write_item(f, s, hit->score);
    return true;
}

static bool search_step(struct work *w)
{
    struct found *f = CONTAINER_OF(w, struct found, work);

    if (f->has_gone || f->page.has_failed)
        return false;
    if (f->is_ordered)
        return write_hit(f);
    if (f->is_on_tour ? look_at_service(f) : look_at_match(f))
        return true;
    if (!search_page_order_step(&f->page))
        open_answer(f);
    return true;
}

static void found_free(struct found *f)
{
    list_unlink(&f->link);
    service_tour_end(&f->tour);
    search_page_deinit(&f->page);
    held_free(f->matches);
    held_buf_deinit(&f->out);
    mem_free(f);
}

static void search_done(struct work *w)
{
    struct found *f = CONTAINER_OF(w, struct found, work);

    if (!f->is_ordered || w->is_cut) {
        rpc_reject(f->call, "RuntimeError", "The search has failed");
    } else {
        mp_close(&f->items);
        reply_buf(f->call, &f->out.b);
    }
    found_free(f);
}

static void on_searched(int outcome, const struct text_match *matches, size_t n, void *arg)
{
    struct found *f = arg;

    f->matches = n ? (struct text_match *)(void *)held_copy(matches, n * sizeof(*matches),
                                                            rpc_call_payer(f->call))
                   : NULL;
    if (outcome == TEXT_INDEX_LATE) {
        rpc_reject(f->call, "RuntimeError", "The search takes too long: use fewer or rarer words");
        found_free(f);
    } else if (outcome != TEXT_INDEX_OK || (n && !f->matches)) {
        rpc_reject(f->call, "RuntimeError", "The search has failed");
        found_free(f);
    } else {
        f->n_matches = n;
        work_start(&f->work);
    }
}

/* Nobody waits for it any more. */
static void search_on_gone(struct rpc_call *call)
{
    ((struct found *)call->state)->has_gone = true;
}

/* One question after the other is answered, so whoever asks many at once is in the way of all. */
static bool search_has_room(const struct found *f, struct refusal *r)
{
    unsigned n = 0, n_all = 0;

    LIST_FOREACH (it, &f->search->questions) {
        const struct found *other = LIST_ENTRY(it, struct found, link);
        n += strcmp(other->sharer, f->sharer) == 0;
        n_all++;
    }
    if (n >= QUESTIONS_OF_ONE)
        return refuse(r, "RuntimeError", "Too many searches at once (at most %d)",
                      QUESTIONS_OF_ONE);
    return n_all < QUESTIONS_OF_ALL ||
           refuse(r, "RuntimeError", "Too many searches at once (at most %d of all)",
                  QUESTIONS_OF_ALL);
}

static void search_begin(struct found *f)
{
    struct service_search *search = f->search;
    struct service_query any = {.client = SLICE_LIT("*"), .name = SLICE_LIT("*")};

    f->call->state = f;
    f->call->on_gone = search_on_gone;
    list_link(&search->questions, &f->link);
    if (f->question.has_words || f->question.text.n_filters) {
        text_index_search(search->index.texts, &f->question.text, on_searched, f);
        return;
    }
    f->is_on_tour = true;
    if (!service_tour_start(&f->tour, &search->hub->registry, &any, rpc_call_payer(f->call)))
        f->page.has_failed = true;
    work_start(&f->work);
}

void do_search_services(struct rpc_call *call, void *arg)
{
    struct manager *m = arg;
    struct refusal r;

    if (!m->search || !m->search->index.texts) {
        rpc_reject(call, "RuntimeError", "Service search is not enabled.");
        return;
    }
    struct found *f = MEM_NEW(struct found);
    f->search = m->search;
    f->call = call;
    list_init(&f->link);
    f->work = (struct work){.step = search_step, .done = search_done, .at_once = AT_ONCE};
    work_init(&f->work, m->hub->loop, &m->works);
    held_buf_init(&f->out, 0, rpc_call_payer(call));
    (void)sharer_of(call->user, client_find(&m->hub->registry, call->from_text), f->sharer);
    if (search_question_read(call, &f->question, &r) && search_has_room(f, &r)) {
        search_page_init(&f->page, &f->question, rpc_call_payer(call));
        f->question.text.time_ms = TIME_MS;
        search_begin(f);
        return;
    }
    reply_refusal(call, &r);
    found_free(f);
}
