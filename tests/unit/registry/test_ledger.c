/* The contract of the ledger, played on every engine. The registry follows it, as it does in the
 * server. */
#include "registry/change.h"
#include "unit/registry/registry_kit.h"

enum { N_SEEN = 64 };

static const struct {
    const char *name;
    struct ledger *(*open)(const struct registry *replica);
} engines[] = {{"memory", ledger_memory_new}};

struct watcher {
    struct ledger_follower follower;
    const struct registry *r;
    uint64_t seen[N_SEEN]; /* the numbers it was told */
    size_t n_seen;
    /* when it was told of the last one that goes, its client was still there */
    bool was_there;
};

static void on_change(struct ledger_follower *f, const struct change *c)
{
    struct watcher *w = CONTAINER_OF(f, struct watcher, follower);

    CHECK(w->n_seen < N_SEEN);
    w->seen[w->n_seen++] = c->number;
    w->was_there = c->kind == CHANGE_CLIENT_GOES && client_find_any(w->r, c->client);
}

static void follow(struct watcher *w, struct ledger *l, const struct registry *r)
{
    *w = (struct watcher){.follower = {.on_change = on_change}, .r = r};
    list_init(&w->follower.link);
    ledger_follow(l, &w->follower);
}

struct bench {
    struct kit k;
    struct watcher w;
};

static void begin(struct bench *b, size_t engine)
{
    memset(b, 0, sizeof(*b));
    printf("# on %s\n", engines[engine].name);
    kit_init_on(&b->k, engines[engine].open);
    follow(&b->w, b->k.ledger, &b->k.r);
}

static void end(struct bench *b)
{
    ledger_unfollow(&b->w.follower);
    kit_deinit(&b->k);
}

static enum ledger_result come(struct bench *b, const char *full_id, uint64_t seen)
{
    struct change c = {.kind = CHANGE_CLIENT_COMES,
                       .workspace = SLICE_LIT("ws-a"),
                       .client = slice_of(full_id),
                       .client_comes = {.user = b->k.user}};

    return ledger_commit(b->k.ledger, &c, &(struct ledger_guard){LEDGER_CLIENT, c.client, seen});
}

static enum ledger_result go(struct bench *b, const char *full_id, uint64_t seen)
{
    struct change c = {
        .kind = CHANGE_CLIENT_GOES, .workspace = SLICE_LIT("ws-a"), .client = slice_of(full_id)};

    return ledger_commit(b->k.ledger, &c, &(struct ledger_guard){LEDGER_CLIENT, c.client, seen});
}

#define ON_EVERY_ENGINE(b)                                                                         \
    for (size_t engine = 0; engine < ARRAY_LEN(engines) && (begin(b, engine), true);               \
         end(b), engine++)

CASE(changes_are_numbered_and_told_once_in_their_order)
{
    static struct bench b;

    ON_EVERY_ENGINE (&b) {
        struct workspace *w = kit_workspace(&b.k, "ws-a");
        struct client *c = kit_client(&b.k, w, "bob");
        struct service *s = kit_service(&b.k, c, "one", "t", "*");
        CHECK(0 < w->number && w->number < c->generation && c->generation < s->number);
        uint64_t was = s->number;
        s = kit_service(&b.k, c, "one", "t", "*");
        CHECK(s->number > was);
        CHECK(workspace_set_config(w, SLICE_LIT("\x80")));
        service_remove(&b.k.r, s);
        CHECK(client_remove(&b.k.r, c) == w);
        workspace_remove(&b.k.r, w);
        CHECK_INT(b.w.n_seen, 8);
        for (size_t i = 1; i < b.w.n_seen; i++)
            CHECK(b.w.seen[i] > b.w.seen[i - 1]);
    }
}

CASE(of_two_that_saw_the_same_one_is_refused)
{
    static struct bench b;

    ON_EVERY_ENGINE (&b) {
        kit_workspace(&b.k, "ws-a");
        CHECK_INT(come(&b, "ws-a/bob", 0), LEDGER_DONE);
        const struct client *first = client_find(&b.k.r, SLICE_LIT("ws-a/bob"));
        size_t n_seen = b.w.n_seen;
        CHECK_INT(come(&b, "ws-a/bob", 0), LEDGER_CONFLICT);
        CHECK(client_find(&b.k.r, SLICE_LIT("ws-a/bob")) == first);
        CHECK_INT(b.w.n_seen, n_seen); /* nobody is told of what has not happened */
        /* and others are in nobody's way */
        CHECK_INT(come(&b, "ws-a/eve", 0), LEDGER_DONE);
        CHECK_INT(b.k.r.clients.n_entries, 2);
    }
}

/* req: W-016 */
CASE(a_late_clean_up_removes_no_newer_connection)
{
    static struct bench b;

    ON_EVERY_ENGINE (&b) {
        kit_workspace(&b.k, "ws-a");
        CHECK_INT(come(&b, "ws-a/bob", 0), LEDGER_DONE);
        uint64_t old = client_find(&b.k.r, SLICE_LIT("ws-a/bob"))->generation;
        CHECK_INT(go(&b, "ws-a/bob", old), LEDGER_DONE);
        CHECK(b.w.was_there); /* those who began later are told first */
        CHECK_INT(go(&b, "ws-a/bob", old), LEDGER_CONFLICT);
        CHECK_INT(come(&b, "ws-a/bob", 0), LEDGER_DONE);
        CHECK_INT(go(&b, "ws-a/bob", old), LEDGER_CONFLICT);
        uint64_t now = client_find(&b.k.r, SLICE_LIT("ws-a/bob"))->generation;
        CHECK(now > old);
        CHECK_INT(go(&b, "ws-a/bob", now), LEDGER_DONE);
    }
}

CASE(a_workspace_that_was_made_again_is_another)
{
    static struct bench b;

    ON_EVERY_ENGINE (&b) {
        struct workspace_fields f = {.name = "late"};
        struct workspace *w = kit_workspace(&b.k, "ws-a");
        struct change c = {.kind = CHANGE_WORKSPACE_BECOMES,
                           .workspace = SLICE_LIT("ws-a"),
                           .workspace_becomes = &f};
        struct ledger_guard guard = {LEDGER_WORKSPACE, c.workspace, w->number};
        workspace_remove(&b.k.r, w);
        CHECK_INT(ledger_commit(b.k.ledger, &c, &guard), LEDGER_CONFLICT);
        w = kit_workspace(&b.k, "ws-a");
        CHECK_INT(ledger_commit(b.k.ledger, &c, &guard), LEDGER_CONFLICT);
        CHECK_TEXT(w->name, "ws-a");
        guard.number = w->number;
        CHECK_INT(ledger_commit(b.k.ledger, &c, &guard), LEDGER_DONE);
        CHECK_TEXT(w->name, "late");
    }
}

CASE(who_follows_later_is_told_from_then_on)
{
    static struct bench b;
    struct watcher late;

    ON_EVERY_ENGINE (&b) {
        kit_workspace(&b.k, "ws-a");
        follow(&late, b.k.ledger, &b.k.r);
        kit_workspace(&b.k, "ws-b");
        ledger_unfollow(&late.follower);
        kit_workspace(&b.k, "ws-c");
        CHECK_INT(late.n_seen, 1);
        CHECK_INT(b.w.n_seen, 3);
        CHECK_INT(late.seen[0], b.w.seen[1]);
    }
}

CASES(RUN(changes_are_numbered_and_told_once_in_their_order),
      RUN(of_two_that_saw_the_same_one_is_refused),
      RUN(a_late_clean_up_removes_no_newer_connection),
      RUN(a_workspace_that_was_made_again_is_another), RUN(who_follows_later_is_told_from_then_on))
