/* service: parsed once at registration; the map that listings show is stored ready to send. */
#include "base/account.h"
#include "base/buf.h"
#include "base/memory.h"
#include "registry/records.h"

const char *service_visibility_name(enum service_visibility v)
{
    static const char *const names[SERVICE_VISIBILITIES] = {[SERVICE_PUBLIC] = "public",
                                                            [SERVICE_PROTECTED] = "protected",
                                                            [SERVICE_UNLISTED] = "unlisted"};

    return names[v];
}

static struct slice name_key(struct buf *b, struct slice workspace, struct slice name)
{
    buf_add_slice(b, workspace);
    buf_add_byte(b, '/');
    buf_add_slice(b, name);
    return buf_slice(b);
}

struct service_name *service_name_find(const struct registry *r, struct slice workspace,
                                       struct slice name)
{
    SCRATCH_BUF(b, 0);

    return map_find(&r->names, name_key(&b, workspace, name));
}

static void link_name(struct registry *r, struct service *s)
{
    struct slice workspace = slice_of(s->client->workspace->id);
    struct service_name *sn = service_name_find(r, workspace, s->name);

    if (!sn) {
        SCRATCH_BUF(b, 0);
        struct slice key = name_key(&b, workspace, s->name);
        sn = mem_new(sizeof(*sn) + key.len);
        sn->key_len = key.len;
        memcpy(sn->key, key.ptr, key.len);
        list_init(&sn->services);
        map_put(&r->names, slice_make(sn->key, sn->key_len), sn);
        sn->payer = account_ref(s->client->workspace->account);
        account_keep_always(sn->payer, mem_taken(sn));
    }
    list_link(&sn->services, &s->of_name);
    sn->n_singletons += s->is_singleton;
}

static void unlink_name(struct registry *r, struct service *s)
{
    struct service_name *sn = service_name_find(r, slice_of(s->client->workspace->id), s->name);

    service_walks_step_over(r, &s->of_name);
    list_unlink(&s->of_name);
    sn->n_singletons -= s->is_singleton;
    if (list_is_empty(&sn->services)) {
        service_walks_leave(r, &sn->services);
        map_take(&r->names, slice_make(sn->key, sn->key_len));
        account_drop(sn->payer, mem_taken(sn));
        account_unref(sn->payer);
        mem_free(sn);
    }
}

bool service_has_singleton(const struct registry *r, struct slice workspace, struct slice name)
{
    const struct service_name *sn = service_name_find(r, workspace, name);

    if (!sn || !sn->n_singletons)
        return false;
    LIST_FOREACH (it, &sn->services) {
        const struct service *s = LIST_ENTRY(it, struct service, of_name);
        if (s->is_singleton && service_is_here(s))
            return true;
    }
    return false;
}

struct service *service_find(const struct registry *r, struct slice full_id)
{
    struct service *s = map_find(&r->services, full_id);

    return s && service_is_here(s) ? s : NULL;
}

static void tell_watches(struct registry *r, const struct service *s, bool is_going)
{
    LIST_FOREACH (it, &r->watches) {
        struct registry_watch *w = LIST_ENTRY(it, struct registry_watch, link);
        if (is_going && w->on_service_going)
            w->on_service_going(w, s);
        else if (w->on_service)
            w->on_service(w, s);
    }
}

enum { HEAP_COST = 32 }; /* of a small block, beside its bytes */

/* What the record will take, at least. */
static size_t service_cost_of(const struct client *c, const struct service_fields *f)
{
    size_t n = sizeof(struct service) + strlen(c->full_id) + f->name.len + f->app_id.len +
               f->type.len + f->info.len + 4 * HEAP_COST;

    for (size_t i = 0; i < f->n_authorized; i++)
        n += f->authorized[i].len + HEAP_COST;
    return n;
}

size_t service_growth(const struct client *c, const struct service_fields *f,
                      const struct service *old)
{
    size_t n = service_cost_of(c, f), had = old ? old->n_kept : 0;

    return n > had ? n - had : 0;
}

void service_come(struct registry *r, struct client *c, uint64_t number, struct slice full_id,
                  const struct service_fields *f)
{
    struct service *old = map_find(&r->services, full_id);

    if (old && !service_is_here(old)) { /* of a client that had this id before */
        service_free(r, old);
        old = NULL;
    }
    struct service *s = MEM_NEW(struct service);
    s->full_id = mem_copy(full_id.ptr, full_id.len);
    if (old)
        service_go(r, old);
    s->client = c;
    s->name = slice_make(s->full_id + strlen(c->full_id) + 1, f->name.len);
    s->app_id = mem_copy(f->app_id.ptr, f->app_id.len);
    s->type = f->type.ptr ? mem_copy(f->type.ptr, f->type.len) : NULL;
    s->visibility = f->visibility;
    s->is_singleton = f->is_singleton;
    s->is_built_in = slice_is(s->name, "built-in");
    s->authorized = texts_copy(f->authorized, f->n_authorized);
    s->n_authorized = f->n_authorized;
    s->has_authorized = f->has_authorized;
    s->info = mem_copy(f->info.ptr, f->info.len);
    s->info_len = f->info.len;
    s->number = number;
    list_init(&s->of_client);
    list_init(&s->of_workspace);
    list_init(&s->of_name);
    list_link(&c->services, &s->of_client);
    list_link(&c->workspace->services, &s->of_workspace);
    c->workspace->n_services++;
    if (s->is_built_in)
        c->built_in = s;
    else
        c->n_services++;
    link_name(r, s);
    map_put(&r->services, slice_of(s->full_id), s);
    s->n_kept = mem_taken(s) + mem_taken(s->full_id) + mem_taken(s->app_id) + mem_taken(s->type) +
                mem_taken(s->info) + texts_taken(s->authorized, s->n_authorized);
    account_keep_always(c->account, s->n_kept);
    c->n_kept += s->n_kept;
    loop_count(r->loop, METRIC_SERVICES, 1);
    tell_watches(r, s, false);
}

void service_free(struct registry *r, struct service *s)
{
    struct client *c = s->client;

    tell_watches(r, s, true);
    map_take(&r->services, slice_of(s->full_id));
    unlink_name(r, s);
    list_unlink(&s->of_client);
    service_walks_step_over(r, &s->of_workspace);
    list_unlink(&s->of_workspace);
    account_drop(c->account, s->n_kept);
    c->n_kept -= s->n_kept;
    texts_free(s->authorized, s->n_authorized);
    mem_free(s->full_id);
    mem_free(s->app_id);
    mem_free(s->type);
    mem_free(s->info);
    mem_free(s);
}

void service_go(struct registry *r, struct service *s)
{
    struct client *c = s->client;

    c->workspace->n_services--;
    if (s->is_built_in)
        c->built_in = NULL;
    else
        c->n_services--;
    loop_count(r->loop, METRIC_SERVICES, -1);
    service_free(r, s);
}

bool service_authorizes(const struct service *s, struct slice workspace)
{
    for (size_t i = 0; i < s->n_authorized; i++) {
        if (slice_is(workspace, s->authorized[i]))
            return true;
    }
    return false;
}
