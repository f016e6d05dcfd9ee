/* roster: all clients in places without gaps. Who leaves gives its place to the last, so a walk
 * goes from the last place to the first: what moves into a place still to be seen has been seen
 * already, or stood in one too. */
#include "base/account.h"
#include "base/memory.h"
#include "registry/records.h"

enum { FIRST_ROOM = 64 };

static void roster_resize(struct registry *r, size_t n_room)
{
    struct client **grown = mem_new(n_room * sizeof(struct client *));

    for (size_t i = 0; i < r->n_roster; i++)
        grown[i] = r->roster[i];
    account_keep_always(r->payer, mem_taken(grown));
    roster_deinit(r);
    r->roster = grown;
    r->roster_room = n_room;
}

void roster_add(struct registry *r, struct client *c)
{
    if (r->n_roster == r->roster_room)
        roster_resize(r, r->roster_room ? r->roster_room * 2 : FIRST_ROOM);
    c->place = (uint32_t)r->n_roster;
    r->roster[r->n_roster++] = c;
    r->newest = c->generation;
}

void roster_take(struct registry *r, const struct client *c)
{
    struct client *last = r->roster[--r->n_roster];

    r->roster[c->place] = last;
    last->place = c->place;
    if (r->roster_room > FIRST_ROOM && r->n_roster * 4 < r->roster_room)
        roster_resize(r, r->roster_room / 2);
}

void roster_deinit(struct registry *r)
{
    account_drop(r->payer, mem_taken(r->roster));
    r->roster = mem_free(r->roster);
}

void client_walk_start(struct client_walk *w, const struct registry *r)
{
    *w = (struct client_walk){.registry = r, .n_left = r->n_roster, .newest = r->newest};
}

bool client_walk_step(struct client_walk *w, struct client **ret)
{
    if (w->n_left > w->registry->n_roster)
        w->n_left = w->registry->n_roster;
    if (!w->n_left)
        return false;
    struct client *c = w->registry->roster[--w->n_left];
    *ret = c->generation <= w->newest ? c : NULL;
    return true;
}
