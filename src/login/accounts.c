/* accounts: the record is one MessagePack map. What is unknown in it is ignored, so that a later
 * version can add to it; what is missing makes it no record. Only the count is kept in memory. */
#include "login/accounts.h"

#include <string.h>

#include "base/assert.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "login/password.h"
#include "store/store.h"
#include "wire/mp.h"

static const char bucket[] = "accounts";

/* ---- one person ---- */

struct person *person_new(const char *email, const char *name, const char *hash)
{
    struct person *p = MEM_NEW(struct person);
    char id[RANDOM_NAME_MAX];

    random_name(id);
    person_set(&p->id, slice_of(id));
    person_set(&p->email, slice_of(email));
    person_set(&p->name, slice_of(name));
    person_set(&p->hash, slice_of(hash));
    p->created_at = clock_wall_ms() / 1000;
    return p;
}

struct person *person_free(struct person *p)
{
    if (!p)
        return NULL;
    if (p->hash)
        explicit_bzero(p->hash, strlen(p->hash));
    mem_free(p->id);
    mem_free(p->name);
    mem_free(p->email);
    mem_free(p->hash);
    return mem_free(p);
}

void person_set(char **field, struct slice text)
{
    char *copy = mem_copy(text.ptr, text.len);

    mem_free(*field);
    *field = copy;
}

void person_add_mp(struct buf *b, const struct person *p)
{
    struct mp_open map;

    mp_open_map(&map, b);
    mp_key_text(&map, "id", p->id);
    mp_key_text(&map, "name", p->name);
    mp_key_text(&map, "email", p->email);
    mp_key_text(&map, "password", p->hash);
    mp_key(&map, "created_at");
    mp_add_int(b, p->created_at);
    mp_key(&map, "email_verified");
    mp_add_bool(b, true);
    mp_key(&map, "roles");
    mp_add_array(b, 1);
    mp_add_text(b, "user");
    mp_key(&map, "workspaces");
    mp_add_map(b, 0);
    mp_close(&map);
}

static bool take_text(struct slice map, const char *key, char **ret)
{
    struct slice text;

    if (!mp_find_str(map, key, &text) || !text.len || memchr(text.ptr, 0, text.len))
        return false;
    person_set(ret, text);
    return true;
}

struct person *person_read(struct slice record)
{
    struct slice rest = record, map, created;
    struct person *p;

    if (mp_take(&rest, MP_MAX_DEPTH, &map) != MP_OK || rest.len)
        return NULL;
    p = MEM_NEW(struct person);
    if (take_text(map, "id", &p->id) && take_text(map, "name", &p->name) &&
        take_text(map, "email", &p->email) && take_text(map, "password", &p->hash) &&
        mp_find(map, "created_at", &created) && mp_get_int(created, &p->created_at))
        return p;
    return person_free(p);
}

/* ---- e-mail ---- */

static bool account_store_is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && !strchr("<>()[]\\,;:\"", c);
}

bool email_read(struct slice text, char out[EMAIL_MAX + 1])
{
    size_t n_at = 0;

    text = slice_trim(text);
    if (!text.len || text.len > EMAIL_MAX || !slice_is_utf8(text))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (!account_store_is_plain(c))
            return false;
        n_at += c == '@';
        out[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    out[text.len] = 0;
    /* A leading dash could be read as an option by a mail program further on. */
    return n_at == 1 && out[0] != '@' && out[0] != '-' && out[text.len - 1] != '@';
}

/* ---- the store ---- */

void accounts_init(struct accounts *a, struct store *store)
{
    *a = (struct accounts){.store = store};
    map_init(&a->changing);
}

void accounts_deinit(struct accounts *a)
{
    ASSERT(a->changing.n_entries == 0);
    map_deinit(&a->changing);
}

struct asking {
    struct accounts *accounts;
    accounts_done *done;
    accounts_got *got;
    void *arg;
    bool is_fresh;
    size_t n_rows;
};

static struct asking *asking_new(struct accounts *a, void *arg)
{
    struct asking *q = MEM_NEW(struct asking);

    q->accounts = a;
    q->arg = arg;
    return q;
}

static void account_store_on_row(int outcome, struct slice key, struct slice bytes, void *arg)
{
    struct asking *q = arg;

    (void)key;
    (void)bytes;
    if (outcome == STORE_OK) {
        q->n_rows++;
        return;
    }
    if (outcome == STORE_ABSENT)
        q->accounts->n_accounts += q->n_rows;
    q->done(outcome == STORE_ABSENT ? ACCOUNT_FOUND : ACCOUNT_BROKEN, q->arg);
    mem_free(q);
}

void accounts_load(struct accounts *a, accounts_done *done, void *arg)
{
    struct asking *q = asking_new(a, arg);

    q->done = done;
    store_scan(a->store, bucket, account_store_on_row, q);
}

static void on_got(int outcome, struct slice bytes, void *arg)
{
    struct asking *q = arg;
    struct person *p = outcome == STORE_OK ? person_read(bytes) : NULL;

    if (p)
        q->got(ACCOUNT_FOUND, p, q->arg);
    else if (outcome == STORE_ABSENT)
        q->got(ACCOUNT_ABSENT, NULL, q->arg);
    else
        q->got(ACCOUNT_BROKEN, NULL, q->arg);
    if (outcome == STORE_OK && !p)
        LOG(LOG_ERROR, "login", "account record does not parse");
    mem_free(q);
}

void accounts_get(struct accounts *a, const char *email, accounts_got *got, void *arg)
{
    struct asking *q = asking_new(a, arg);

    q->got = got;
    store_get(a->store, bucket, slice_of(email), on_got, q);
}

static void account_store_on_put(int outcome, void *arg)
{
    struct asking *q = arg;

    if (outcome != STORE_OK && q->is_fresh)
        q->accounts->n_accounts--;
    q->done(outcome == STORE_OK ? ACCOUNT_FOUND : ACCOUNT_BROKEN, q->arg);
    mem_free(q);
}

void accounts_put(struct accounts *a, const struct person *p, bool is_fresh, accounts_done *done,
                  void *arg)
{
    SCRATCH_BUF(b, 0);

    if (is_fresh && a->n_accounts >= a->max_accounts) {
        done(ACCOUNT_NO_ROOM, arg);
        return;
    }
    struct asking *q = asking_new(a, arg);
    q->done = done;
    q->is_fresh = is_fresh;
    /* at once: those that come before this one is written count it */
    a->n_accounts += is_fresh;
    person_add_mp(&b, p);
    store_put(a->store, bucket, slice_of(p->email), buf_slice(&b), 0, account_store_on_put, q);
    explicit_bzero(b.ptr, b.len);
}

/* ---- one change at a time ---- */

bool accounts_begin_change(struct accounts *a, struct change *c, const char *email)
{
    if (map_find(&a->changing, slice_of(email)))
        return false;
    strncpy(c->email, email, sizeof(c->email) - 1);
    c->is_held = true;
    map_put(&a->changing, slice_of(c->email), c);
    return true;
}

void accounts_end_change(struct accounts *a, struct change *c)
{
    if (!c->is_held)
        return;
    map_take(&a->changing, slice_of(c->email));
    c->is_held = false;
}
