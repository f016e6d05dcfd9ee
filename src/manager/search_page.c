#include "manager/search_page.h"

#include <string.h>

#include "base/held.h"
#include "registry/registry.h"

enum { FIRST_ROOM = 64 };

void search_page_init(struct search_page *p, const struct search_question *q, struct account *payer)
{
    *p = (struct search_page){.question = q, .payer = payer};
    p->n_most = q->limit > SIZE_MAX - q->offset ? SIZE_MAX : q->offset + q->limit;
}

void search_page_deinit(struct search_page *p)
{
    for (size_t i = 0; i < p->n_hits; i++)
        held_free(p->hits[i].texts);
    p->hits = held_free(p->hits);
    p->n_hits = p->n_heap = 0;
}

/* Below 0: a stands before b. */
static int hit_order(const struct search_page *p, const struct search_hit *a,
                     const struct search_hit *b)
{
    int by_key = p->question->order ? slice_order(a->key, b->key)
                                    : (a->score > b->score) - (a->score < b->score);

    return by_key ? by_key : (a->number > b->number) - (a->number < b->number);
}

static void swap_hits(struct search_page *p, size_t a, size_t b)
{
    struct search_hit hit = p->hits[a];

    p->hits[a] = p->hits[b];
    p->hits[b] = hit;
}

static void search_page_sift_up(struct search_page *p, size_t at)
{
    for (size_t parent; at > 0 && hit_order(p, &p->hits[parent = (at - 1) / 2], &p->hits[at]) < 0;
         at = parent)
        swap_hits(p, parent, at);
}

static void search_page_sift_down(struct search_page *p, size_t at)
{
    for (size_t worst; (worst = 2 * at + 1) < p->n_heap; at = worst) {
        if (worst + 1 < p->n_heap && hit_order(p, &p->hits[worst], &p->hits[worst + 1]) < 0)
            worst++;
        if (hit_order(p, &p->hits[worst], &p->hits[at]) <= 0)
            return;
        swap_hits(p, worst, at);
    }
}

/* Room for one more. */
static bool page_grow(struct search_page *p)
{
    size_t room = p->n_room ? p->n_room * 2 : FIRST_ROOM;

    if (p->n_hits < p->n_room)
        return true;
    struct search_hit *grown = held_resize(p->hits, room * sizeof(*grown), p->payer);
    if (!grown)
        return false;
    p->hits = grown;
    p->n_room = room;
    return true;
}

static bool hit_copy_texts(struct search_page *p, struct search_hit *hit)
{
    char *texts = held_new(hit->id.len + hit->key.len, p->payer);

    if (!texts)
        return false;
    memcpy(texts, hit->id.ptr, hit->id.len);
    if (hit->key.len)
        memcpy(texts + hit->id.len, hit->key.ptr, hit->key.len);
    hit->id.ptr = hit->texts = texts;
    hit->key.ptr = texts + hit->id.len;
    return true;
}

void search_page_add(struct search_page *p, const struct service *s, double score)
{
    struct search_hit hit = {.score = score,
                             .number = s->number,
                             .id = slice_of(s->full_id),
                             .key = search_key(p->question, s)};
    bool is_full = p->n_hits == p->n_most;

    p->n_found++;
    if (p->has_failed || (is_full && (!p->n_hits || hit_order(p, &p->hits[0], &hit) <= 0)))
        return;
    if (!hit_copy_texts(p, &hit) || (!is_full && !page_grow(p))) {
        held_free(hit.texts);
        p->has_failed = true;
    } else if (is_full) {
        held_free(p->hits[0].texts);
        p->hits[0] = hit;
        search_page_sift_down(p, 0);
    } else {
        p->hits[p->n_hits++] = hit;
        p->n_heap = p->n_hits;
        search_page_sift_up(p, p->n_hits - 1);
    }
}

bool search_page_order_step(struct search_page *p)
{
    if (p->n_heap < 2)
        return false;
    swap_hits(p, 0, --p->n_heap);
    search_page_sift_down(p, 0);
    return true;
}
