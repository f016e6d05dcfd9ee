/* going: how long it takes to free the services of a client grows with their number, which it has
 * chosen. So a client that is removed is out of every count, index of clients and account of its
 * own at once, and its services, which nothing finds from then on (service_is_here), are taken out
 * of their indexes over the next turns.
 *
 * Its id may come again meanwhile: that is another client, with services of its own. Where it
 * registers a name the old one had, the old service is freed first, so that an index never holds
 * both. */
#include "base/account.h"
#include "base/memory.h"
#include "base/rate_counter.h"
#include "auth/user.h"
#include "registry/records.h"

/* services between two looks at the clock: who has fewer is gone at once when no other is on the
 * way */
enum { AT_ONCE = 16 };

/* What is still held for it is nobody's of its own: whoever comes again under its name has all the
 * room there was. */
static void client_move_charges(struct registry *r, struct client *c)
{
    account_keep_always(r->payer, c->n_kept);
    account_drop(c->account, c->n_kept);
    account_unref(c->account);
    c->account = r->payer ? account_ref(r->payer) : NULL;
}

static void client_free(struct client *c)
{
    struct workspace *w = c->workspace;

    list_unlink(&c->link);
    account_drop(c->account, c->n_kept);
    account_unref(c->account);
    user_unref(c->user);
    rate_counter_unref(c->meter);
    mem_free(c->full_id);
    mem_free(c);
    workspace_let_go(w);
}

/* One service, or one client that has none left. */
static bool going_step(struct work *work)
{
    struct registry *r = CONTAINER_OF(work, struct registry, going_work);

    if (list_is_empty(&r->going))
        return false;
    struct client *c = LIST_ENTRY(r->going.next, struct client, link);
    if (list_is_empty(&c->services))
        client_free(c);
    else
        service_free(r, LIST_ENTRY(c->services.next, struct service, of_client));
    return true;
}

void going_init(struct registry *r)
{
    list_init(&r->going);
    r->going_work = (struct work){.step = going_step, .at_once = AT_ONCE};
    work_init(&r->going_work, r->loop, NULL);
}

void going_deinit(struct registry *r)
{
    work_stop(&r->going_work);
    while (going_step(&r->going_work))
        continue;
}

void client_go(struct registry *r, struct client *c)
{
    struct workspace *w = c->workspace;
    size_t n = c->n_services + (c->built_in != NULL);

    map_take(&r->clients, slice_of(c->full_id));
    roster_take(r, c);
    list_unlink(&c->link);
    w->n_clients -= !c->is_virtual;
    w->n_services -= n;
    loop_count(r->loop, METRIC_SERVICES, -(int64_t)n);
    client_move_charges(r, c);
    c->is_going = true;
    w->n_going++;
    list_link(&r->going, &c->link);
    work_start(&r->going_work);
}
