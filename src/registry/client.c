/* client: one entry per connected client, remote or hosted here. */
#include "auth/user.h"
#include "base/account.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "registry/records.h"

char **texts_copy(const struct slice *texts, size_t n)
{
    char **copy = mem_new((n ? n : 1) * sizeof(char *));

    for (size_t i = 0; i < n; i++)
        copy[i] = mem_copy(texts[i].ptr, texts[i].len);
    return copy;
}

size_t texts_taken(char *const *texts, size_t n)
{
    size_t sum = mem_taken(texts);

    for (size_t i = 0; i < n; i++)
        sum += mem_taken(texts[i]);
    return sum;
}

char **texts_free(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(texts[i]);
    mem_free(texts);
    return NULL;
}

struct client *client_find(const struct registry *r, struct slice full_id)
{
    struct client *c = client_find_any(r, full_id);

    return c && !c->workspace->has_gone ? c : NULL;
}

struct client *client_find_any(const struct registry *r, struct slice full_id)
{
    return map_find(&r->clients, full_id);
}

void client_come(struct registry *r, struct workspace *w, uint64_t number, struct slice full_id,
                 const struct client_coming *coming)
{
    struct client *c = MEM_NEW(struct client);

    c->full_id = mem_copy(full_id.ptr, full_id.len);
    c->id = slice_of(c->full_id + strlen(w->id) + 1);
    c->workspace = w;
    c->user = user_ref(coming->user);
    c->handle = coming->handle;
    c->generation = number;
    c->is_virtual = coming->is_virtual;
    c->meter = slice_ends(c->id, "__rlb") ? rate_counter_new(clock_mono_ms()) : NULL;
    list_init(&c->services);
    list_init(&c->link);
    list_init(&c->of_user);
    list_link(&w->clients, &c->link);
    w->n_clients += !c->is_virtual;
    void *replaced = map_put(&r->clients, slice_of(c->full_id), c);
    ASSERT(!replaced);
    roster_add(r, c);
    c->account = account_ref(w->account);
    c->n_kept = mem_taken(c) + mem_taken(c->full_id) + mem_taken(c->meter) + user_taken(c->user);
    account_keep_always(c->account, c->n_kept);
}

void client_pay(struct client *c, struct account *account)
{
    ASSERT(list_is_empty(&c->services));
    account_ref(account);
    account_keep_always(account, c->n_kept);
    account_drop(c->account, c->n_kept);
    account_unref(c->account);
    c->account = account;
}
