/* Records on their way into a store that does only what the test says. req: S-129 */
#include "peer/workspace_persistence.h"
#include "unit/peer/peer_kit.h"
#include "wire/mp.h"

enum { OPS_MAX = 32 };

struct asked {
    char kind; /* p put, r remove, g get */
    char key[32];
    char *bytes; /* owned; of a put */
    size_t n_bytes;
    store_done *done;
    store_got *got;
    void *arg;
};

struct slow_store {
    struct store base;
    struct asked asked[OPS_MAX];
    unsigned n_asked, n_answered;
};

static struct asked *note(struct store *base, char kind, struct slice key, void *arg)
{
    struct slow_store *s = CONTAINER_OF(base, struct slow_store, base);
    CHECK(s->n_asked < OPS_MAX);
    struct asked *a = &s->asked[s->n_asked++];

    *a = (struct asked){.kind = kind, .arg = arg};
    snprintf(a->key, sizeof(a->key), SLICE_FMT, SLICE_ARG(key));
    return a;
}

static void slow_put(struct store *s, const char *bucket, struct slice key, struct slice bytes,
                     int64_t expires_at, store_done *done, void *arg)
{
    struct asked *a = note(s, 'p', key, arg);

    CHECK_TEXT(bucket, "workspaces");
    CHECK_INT(expires_at, 0);
    a->bytes = mem_copy(bytes.ptr, bytes.len);
    a->n_bytes = bytes.len;
    a->done = done;
}

static void slow_remove(struct store *s, const char *bucket, struct slice key, store_done *done,
                        void *arg)
{
    (void)bucket;
    note(s, 'r', key, arg)->done = done;
}

static void slow_get(struct store *s, const char *bucket, struct slice key, store_got *got,
                     void *arg)
{
    (void)bucket;
    note(s, 'g', key, arg)->got = got;
}

static const struct store_ops slow_ops = {.put = slow_put, .remove = slow_remove, .get = slow_get};

struct rig {
    struct kit k;
    struct slow_store store;
    struct workspace *w;
    char said[64]; /* a letter for each outcome */
};

static void rig_init(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    kit_init(&r->k, 1);
    r->store.base = (struct store){&slow_ops, r->k.hub.loop};
    r->k.hub.store = &r->store.base;
    r->w = kit_workspace(&r->k, "bob-w", "bob");
}

static void rig_deinit(struct rig *r)
{
    CHECK_INT(r->store.n_answered, r->store.n_asked);
    CHECK_INT(r->k.hub.savings.n_entries, 0);
    for (unsigned i = 0; i < r->store.n_asked; i++)
        mem_free(r->store.asked[i].bytes);
    r->k.hub.store = NULL;
    kit_deinit(&r->k);
}

/* What was asked for and not answered yet, as "p" and the like; then the oldest is answered. */
static void answer(struct rig *r, const char *wanted, int outcome, struct slice bytes)
{
    struct slow_store *s = &r->store;
    char kinds[OPS_MAX + 1] = "";

    for (unsigned i = s->n_answered; i < s->n_asked; i++)
        kinds[i - s->n_answered] = s->asked[i].kind;
    CHECK_TEXT(kinds, wanted);
    struct asked *a = &s->asked[s->n_answered++];
    if (a->got)
        a->got(outcome, bytes, a->arg);
    else if (a->done)
        a->done(outcome, a->arg);
}

static void on_kept(int outcome, void *arg)
{
    struct rig *r = arg;

    r->said[strlen(r->said)] = "KNUGC"[outcome];
}

static void change(struct rig *r, const char *config)
{
    CHECK(workspace_set_config(r->w, slice_of(config)));
    workspace_persist(&r->k.hub, r->w);
    workspace_when_persisted(&r->k.hub, r->w, on_kept, r);
}

static struct slice written(struct rig *r, unsigned i)
{
    return slice_make(r->store.asked[i].bytes, r->store.asked[i].n_bytes);
}

static bool has_config(struct slice record, const char *config)
{
    struct slice value;

    return mp_find(record, "config", &value) && value.len == 5 + 3 &&
           memcmp(value.ptr + 5, config + 1, 3) == 0;
}

static const char A1[] = "\x81\xa1"
                         "a\x01",
                  A2[] = "\x81\xa1"
                         "a\x02",
                  A3[] = "\x81\xa1"
                         "a\x03";
static const struct slice nothing = {NULL, 0};

CASE(changes_meanwhile_share_the_next_write)
{
    struct rig r;

    rig_init(&r);
    workspace_when_persisted(&r.k.hub, r.w, on_kept, &r);
    CHECK_TEXT(r.said, "K"); /* nothing is under way */
    change(&r, A1);
    change(&r, A2);
    change(&r, A3);
    CHECK_TEXT(r.said, "K");
    CHECK(has_config(written(&r, 0), A1));
    answer(&r, "p", STORE_OK, nothing);
    CHECK_TEXT(r.said, "KK");
    CHECK(has_config(written(&r, 1), A3));
    answer(&r, "p", STORE_OK, nothing);
    CHECK_TEXT(r.said, "KKKK");
    rig_deinit(&r);
}

CASE(what_the_store_refuses_is_taken_back)
{
    struct rig r;

    rig_init(&r);
    change(&r, A1);
    answer(&r, "p", STORE_OK, nothing);
    change(&r, A2);
    change(&r, A3);
    answer(&r, "p", STORE_FAILED, nothing);
    CHECK_TEXT(r.said, "K");
    change(&r, A2); /* while the record is read back */
    answer(&r, "g", STORE_OK, written(&r, 0));
    CHECK_TEXT(r.said, "KNNN");
    struct buf b;
    buf_init(&b, 0);
    workspace_add_record(&b, r.w);
    CHECK_BYTES(b.ptr, b.len, r.store.asked[0].bytes, r.store.asked[0].n_bytes);
    buf_deinit(&b);
    change(&r, A3);
    answer(&r, "p", STORE_OK, nothing);
    CHECK_TEXT(r.said, "KNNNK");
    rig_deinit(&r);
}

CASE(what_was_never_stored_is_as_it_was_made)
{
    struct rig r;

    rig_init(&r);
    change(&r, A1);
    answer(&r, "p", STORE_FAILED, nothing);
    answer(&r, "g", STORE_ABSENT, nothing);
    CHECK_TEXT(r.said, "N");
    CHECK_INT(r.w->config_len, 0);
    CHECK_TEXT(r.w->owners[0], "bob");
    rig_deinit(&r);
}

CASE(a_store_that_cannot_be_read_changes_nothing)
{
    struct rig r;

    rig_init(&r);
    change(&r, A1);
    answer(&r, "p", STORE_FAILED, nothing);
    answer(&r, "g", STORE_FAILED, nothing);
    CHECK_TEXT(r.said, "U");
    CHECK_INT(r.w->config_len, 4);
    rig_deinit(&r);
}

static void on_removed(int outcome, void *arg)
{
    struct rig *r = arg;

    r->said[strlen(r->said)] = outcome == STORE_OK ? 'r' : 'f';
    if (outcome == STORE_OK)
        workspace_remove(&r->k.hub.registry, r->w);
}

CASE(a_removed_record_is_not_written_again)
{
    struct rig r;

    rig_init(&r);
    change(&r, A1);
    workspace_forget_record(&r.k.hub, r.w, on_removed, &r);
    change(&r, A2);
    answer(&r, "pr", STORE_OK, nothing);
    CHECK_TEXT(r.said, "K");
    change(&r, A3);
    answer(&r, "r", STORE_OK, nothing);
    CHECK_TEXT(r.said, "KrGG");
    rig_deinit(&r);
}

CASE(a_removal_that_fails_lets_changes_go_on)
{
    struct rig r;

    rig_init(&r);
    workspace_forget_record(&r.k.hub, r.w, on_removed, &r);
    change(&r, A2);
    answer(&r, "r", STORE_FAILED, nothing);
    CHECK_TEXT(r.said, "f");
    answer(&r, "p", STORE_OK, nothing);
    CHECK_TEXT(r.said, "fK");
    rig_deinit(&r);
}

CASE(closing_writes_what_is_not_written)
{
    struct rig r;

    rig_init(&r);
    change(&r, A1);
    change(&r, A2);
    workspaces_close_records(&r.k.hub);
    CHECK_TEXT(r.said, "CC");
    CHECK(has_config(written(&r, 1), A2));
    workspace_persist(&r.k.hub, r.w); /* too late: nothing is asked for any more */
    answer(&r, "pp", STORE_FAILED, nothing);
    answer(&r, "p", STORE_OK, nothing);
    CHECK_TEXT(r.said, "CC");
    rig_deinit(&r);
}

CASE(only_persistent_ones_are_kept)
{
    struct rig r;

    rig_init(&r);
    r.w->is_persistent = false;
    change(&r, A1);
    CHECK_TEXT(r.said, "K");
    rig_deinit(&r);
}

static struct workspace *loaded(struct kit *k, struct buf *record)
{
    CHECK(workspace_load_record(&k->hub, buf_slice(record)));
    /* as a scan of Redis may tell it */
    CHECK(workspace_load_record(&k->hub, buf_slice(record)));
    buf_deinit(record);
    return workspace_find(&k->hub.registry, SLICE_LIT("bob-w"));
}

CASE(a_workspace_made_again_is_another_one)
{
    struct kit k;
    struct buf record, earlier;

    kit_init(&k, 1);
    buf_init(&record, 0);
    buf_init(&earlier, 0);
    struct workspace *w = kit_workspace(&k, "bob-w", "bob");
    uint64_t first = w->incarnation;
    workspace_add_record(&record, w);
    workspace_add_mp(&earlier, w, true); /* as earlier releases have stored it */
    workspace_remove(&k.hub.registry, w);
    w = kit_workspace(&k, "bob-w", "bob");
    CHECK(first && w->incarnation && w->incarnation != first);
    workspace_remove(&k.hub.registry, w);
    w = loaded(&k, &record);
    CHECK(w->incarnation == first);
    workspace_remove(&k.hub.registry, w);
    w = loaded(&k, &earlier);
    CHECK_INT(w->incarnation, 0);
    CHECK_INT(workspace_find(&k.hub.registry, SLICE_LIT("public"))->incarnation, 0);
    kit_deinit(&k);
}

CASES(RUN(changes_meanwhile_share_the_next_write), RUN(what_the_store_refuses_is_taken_back),
      RUN(what_was_never_stored_is_as_it_was_made),
      RUN(a_store_that_cannot_be_read_changes_nothing), RUN(a_removed_record_is_not_written_again),
      RUN(a_removal_that_fails_lets_changes_go_on), RUN(closing_writes_what_is_not_written),
      RUN(only_persistent_ones_are_kept), RUN(a_workspace_made_again_is_another_one))
