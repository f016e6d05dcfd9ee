/* search_index: a share is counted in bytes of texts, with a flat rate for what each service costs
 * beside them; the account is charged for what SQLite makes of them: a copy, and an index of about
 * the same size. */
#include "manager/search_index.h"

#include <string.h>

#include "base/account.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "manager/search_question.h"
#include "manager/service_info.h"
#include "manager/service_projection.h"
#include "peer/hub.h"
#include "peer/sharer.h"
#include "store/text_index.h"
#include "wire/mp.h"

/* What of a record is indexed: enough to find it, little enough that ten thousand are no burden. */
enum { NAME_BYTES = 512, DOCS_BYTES = 4096, SCHEMA_BYTES = 2048, SCHEMA_DEPTH = 8 };
enum { FLAT_BYTES = 512, COPIES = 3 };

struct indexed {
    struct holding holding;
    const struct service *service;
    struct account *payer; /* holds a reference */
    size_t n_kept;
};

/* ---- the texts of a service ---- */

/* The keys and texts of a schema, as one text. */
static void search_index_add_texts(struct buf *b, struct slice value, unsigned depth)
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
        search_index_add_texts(b, key, depth + 1);
        search_index_add_texts(b, item, depth + 1);
    }
    while (mp_is(value, MP_ARRAY) && mp_iter_next(&it, &item))
        search_index_add_texts(b, item, depth + 1);
}

static struct slice search_index_text_of(struct slice map, const char *key, size_t max)
{
    struct slice text = {NULL, 0};

    (void)mp_find_str(map, key, &text);
    return slice_utf8_prefix(text, max);
}

/* In the order of enum search_field. Of the creator only the id: the rest is not for everybody
 * (D-47). */
static size_t search_index_read_fields(const struct service *s, struct buf *schema_texts,
                                       struct slice fields[TEXT_INDEX_FIELDS])
{
    struct slice info = slice_make(s->info, s->info_len), schema = {NULL, 0};
    size_t n = FLAT_BYTES;

    (void)mp_find(info, "service_schema", &schema);
    if (schema.len)
        search_index_add_texts(schema_texts, schema, 0);
    fields[0] = search_index_text_of(info, "name", NAME_BYTES);
    fields[1] = search_index_text_of(info, "description", DOCS_BYTES);
    fields[2] = search_index_text_of(info, "docs", DOCS_BYTES);
    fields[3] = slice_utf8_prefix(buf_slice(schema_texts), SCHEMA_BYTES);
    fields[4] = search_index_text_of(service_info_creator(info), "id", NAME_BYTES);
    for (unsigned i = 0; i < TEXT_INDEX_FIELDS; i++)
        n += fields[i].len;
    return n;
}

/* ---- what is indexed ---- */

static struct slice search_index_key_of(const int64_t *number)
{
    return slice_make(number, sizeof(*number));
}

static void note_figures(const struct search_index *x, int n, int64_t n_bytes)
{
    loop_count(x->hub->loop, METRIC_SEARCH_SERVICES, n);
    loop_count(x->hub->loop, METRIC_SEARCH_BYTES, n_bytes);
}

static void search_index_drop(struct search_index *x, struct indexed *e)
{
    int64_t number = (int64_t)e->service->number;

    text_index_remove(x->texts, number);
    map_take(&x->by_number, search_index_key_of(&number));
    note_figures(x, -1, -(int64_t)e->holding.n);
    holding_leave(&x->holders, &e->holding);
    account_drop(e->payer, e->n_kept);
    account_unref(e->payer);
    mem_free(e);
}

static void make_way(struct search_index *x, struct holding *g)
{
    struct indexed *e = CONTAINER_OF(g, struct indexed, holding);

    LOG(LOG_DEBUG, "manager",
        "a service is no longer found by its texts: the index is full of those of its owner",
        log_text("service", e->service->full_id));
    loop_count(x->hub->loop, METRIC_SEARCH_DROPPED, 1);
    search_index_drop(x, e);
}

static bool search_index_make_room(struct search_index *x, struct slice name, size_t n)
{
    const struct config *c = loop_config(x->hub->loop);
    struct holding *g;

    while (holders_of(&x->holders, name) + n > c->search_user_bytes) {
        if (!(g = holders_oldest(&x->holders, name)))
            return false;
        make_way(x, g);
    }
    while (x->holders.n + n > c->search_bytes) {
        if (!(g = holders_give_way(&x->holders, name, n)))
            return false;
        make_way(x, g);
    }
    return true;
}

static bool search_index_put(struct search_index *x, const struct service *s,
                             const struct slice fields[TEXT_INDEX_FIELDS], size_t n)
{
    char room[SHARER_MAX];
    struct slice name = sharer_of(s->client->user, s->client, room);
    struct account *payer = account_shared(s->client->account);
    struct indexed *e;

    if (!search_index_make_room(x, name, n) || account_keep(payer, n * COPIES))
        return false;
    if (!text_index_put(x->texts, (int64_t)s->number, fields)) {
        account_drop(payer, n * COPIES);
        return false;
    }
    e = MEM_NEW(struct indexed);
    e->service = s;
    e->payer = account_ref(payer);
    e->n_kept = n * COPIES;
    holding_take(&x->holders, &e->holding, name, n);
    map_put(&x->by_number, slice_make(&s->number, sizeof(s->number)), e);
    note_figures(x, 1, (int64_t)n);
    return true;
}

static void search_index_on_service(struct registry_watch *w, const struct service *s)
{
    struct search_index *x = CONTAINER_OF(w, struct search_index, watch);
    struct slice fields[TEXT_INDEX_FIELDS];
    SCRATCH_BUF(texts, 0);

    size_t n = search_index_read_fields(s, &texts, fields);
    if (!search_index_put(x, s, fields, n)) {
        loop_count(x->hub->loop, METRIC_SEARCH_DROPPED, 1);
        LOG(LOG_DEBUG, "manager",
            "a service is not found by its texts: its owner has no room in the index",
            log_text("service", s->full_id));
    }
}

static struct indexed *search_index_entry(const struct search_index *x, int64_t number)
{
    return map_find(&x->by_number, search_index_key_of(&number));
}

static void search_index_on_service_going(struct registry_watch *w, const struct service *s)
{
    struct search_index *x = CONTAINER_OF(w, struct search_index, watch);
    struct indexed *e = search_index_entry(x, (int64_t)s->number);

    if (e)
        search_index_drop(x, e);
}

const struct service *search_index_find(const struct search_index *x, int64_t number)
{
    const struct indexed *e = search_index_entry(x, number);

    return e && service_is_here(e->service) ? e->service : NULL;
}

/* ---- life ---- */

void search_index_init(struct search_index *x, struct hub *h)
{
    *x = (struct search_index){.hub = h, .texts = text_index_new(h->loop, NULL)};
    map_init(&x->by_number);
    holders_init(&x->holders);
    map_pay(&x->by_number, account_shared(h->loop->own));
    holders_pay(&x->holders, account_shared(h->loop->own));
    list_init(&x->watch.link);
    x->watch.on_service = search_index_on_service;
    x->watch.on_service_going = search_index_on_service_going;
    if (x->texts)
        list_link(&h->registry.watches, &x->watch.link);
}

void search_index_deinit(struct search_index *x)
{
    void *value;

    list_unlink(&x->watch.link);
    for (size_t at = 0; map_next(&x->by_number, &at, NULL, &value); at = 0)
        search_index_drop(x, value);
    text_index_close(x->texts);
    map_deinit(&x->by_number);
    holders_deinit(&x->holders);
}
