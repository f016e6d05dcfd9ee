/* issuer: a fetch is two requests: the discovery document, which names the keys' place, and the
 * keys. An issuer without such a document has its keys at the usual place. Nothing an answer says
 * leads off TLS: a URL of keys must be as safe as the issuer's. */
#include "auth/issuer.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "net/fetch.h"

enum { MAX_REDIRECTS = 2 };

struct waiting {
    struct list link;
    char key_id[JWKS_ID_MAX];
    issuer_done *done;
    void *arg;
};

void issuer_init(struct issuer *i, struct loop *loop, struct fetcher *fetcher, const char *url,
                 const char *ca_file)
{
    *i = (struct issuer){.loop = loop, .fetcher = fetcher, .url = url, .ca_file = ca_file};
    list_init(&i->waiting);
}

static void tell_all(struct issuer *i, int failure)
{
    struct list told;

    list_init(&told);
    list_move_all(&told, &i->waiting);
    i->n_waiting = 0;
    while (!list_is_empty(&told)) {
        struct waiting *w = LIST_ENTRY(told.next, struct waiting, link);
        const struct jwk *key = jwks_find(i->keys, slice_of(w->key_id));
        list_unlink(&w->link);
        w->done(key ? ISSUER_OK : failure, key, key ? i->name : NULL, w->arg);
        mem_free(w);
    }
}

void issuer_deinit(struct issuer *i)
{
    i->fetch = fetch_cancel(i->fetch);
    i->keys = mem_free(i->keys);
    tell_all(i, ISSUER_UNREACHABLE);
}

/* ---- a fetch ---- */

static bool is_https(const char *url)
{
    return slice_is_nocase(slice_to(slice_of(url), 8), "https://");
}

/* The URL without a slash at its end. */
static struct slice base_of(const char *url)
{
    struct slice s = slice_of(url);

    return slice_ends(s, "/") ? slice_to(s, s.len - 1) : s;
}

static void issuer_fail(struct issuer *i, const char *step, const char *reason, unsigned status)
{
    LOG(LOG_WARN, "auth", "no keys from the token issuer", log_text("step", step),
        log_text("reason", reason), log_int("status", status),
        log_int("keeps", i->keys ? (int64_t)i->keys->n_keys : 0));
    loop_count(i->loop, METRIC_ISSUER_FAILURES, 1);
    i->tried_ms = loop_now_ms(i->loop);
    tell_all(i, i->keys ? ISSUER_UNKNOWN_KEY : ISSUER_UNREACHABLE);
}

static void on_keys(const struct fetch_reply *reply, void *arg)
{
    struct issuer *i = arg;
    struct jwks *keys = NULL;

    i->fetch = NULL;
    if (reply->outcome != FETCH_OK || reply->status != 200) {
        issuer_fail(i, "keys", reply->text, reply->status);
        return;
    }
    if (jwks_read(reply->body, &keys) != JWKS_OK) {
        issuer_fail(i, "keys", "no RSA key in it", reply->status);
        return;
    }
    mem_free(i->keys);
    i->keys = keys;
    i->version++;
    i->got_ms = loop_now_ms(i->loop);
    i->tried_ms = 0;
    memcpy(i->name, i->next_name, sizeof(i->name));
    LOG(LOG_INFO, "auth", "keys of the token issuer", log_text("issuer", i->name),
        log_int("keys", (int64_t)keys->n_keys));
    tell_all(i, ISSUER_UNKNOWN_KEY);
}

static void issuer_start(struct issuer *i, const char *url, fetch_done *done)
{
    uint64_t spent = loop_now_ms(i->loop) - i->started_ms;
    struct fetch_request request = {.url = url,
                                    .ca_file = i->ca_file,
                                    .max_bytes = JWKS_BYTES_MAX,
                                    .max_redirects = MAX_REDIRECTS,
                                    .deadline_ms = spent + 1000 < ISSUER_DEADLINE_MS
                                                       ? (uint32_t)(ISSUER_DEADLINE_MS - spent)
                                                       : 1000};

    loop_count(i->loop, METRIC_ISSUER_FETCHES, 1);
    i->fetch = fetch_start(i->fetcher, &request, done, i);
}

/* Whether the document speaks of this issuer: what it calls itself may differ by the slash at the
 * end, nothing else. */
static bool issuer_is_ours(const struct issuer *i)
{
    return slice_eq(base_of(i->next_name), base_of(i->url)) &&
           (is_https(i->keys_url) || !is_https(i->url));
}

static void on_discovery(const struct fetch_reply *reply, void *arg)
{
    struct issuer *i = arg;
    bool has_none = reply->outcome == FETCH_OK && (reply->status == 404 || reply->status == 403);

    i->fetch = NULL;
    if (has_none) {
        struct slice base = base_of(i->url);
        (void)snprintf(i->next_name, sizeof(i->next_name), SLICE_FMT "/", SLICE_ARG(base));
        (void)snprintf(i->keys_url, sizeof(i->keys_url), SLICE_FMT "/.well-known/jwks.json",
                       SLICE_ARG(base));
    } else if (reply->outcome != FETCH_OK || reply->status != 200) {
        issuer_fail(i, "discovery", reply->text, reply->status);
        return;
    } else if (!jwks_discovery_read(reply->body, i->next_name, i->keys_url) || !issuer_is_ours(i)) {
        issuer_fail(i, "discovery", "the document does not describe this issuer", reply->status);
        return;
    }
    issuer_start(i, i->keys_url, on_keys);
}

static void issuer_fetch(struct issuer *i)
{
    struct slice base = base_of(i->url);
    char url[JWKS_URL_MAX + 40];

    if (i->fetch)
        return;
    i->started_ms = loop_now_ms(i->loop);
    (void)snprintf(url, sizeof(url), SLICE_FMT "/.well-known/openid-configuration",
                   SLICE_ARG(slice_to(base, JWKS_URL_MAX)));
    issuer_start(i, url, on_discovery);
}

/* ---- asking ---- */

/* Milliseconds since then; as if never for 0. */
static uint64_t issuer_since(const struct issuer *i, uint64_t then_ms)
{
    return then_ms ? loop_now_ms(i->loop) - then_ms : UINT64_MAX;
}

/* Drops what is too old to be believed, and has what is old fetched anew behind the asker's
 * back. */
static void issuer_age(struct issuer *i)
{
    if (!i->keys || issuer_since(i, i->got_ms) < ISSUER_FRESH_MS)
        return;
    if (issuer_since(i, i->got_ms) >= ISSUER_STALE_MS)
        i->keys = mem_free(i->keys);
    else if (issuer_since(i, i->tried_ms) >= ISSUER_UNKNOWN_MS)
        issuer_fetch(i);
}

static void wait_for_fetch(struct issuer *i, const char *key_id, issuer_done *done, void *arg)
{
    struct waiting *w = MEM_NEW(struct waiting);

    (void)snprintf(w->key_id, sizeof(w->key_id), "%s", key_id);
    w->done = done;
    w->arg = arg;
    list_link(&i->waiting, &w->link);
    i->n_waiting++;
}

/* Whether a fetch may be begun for a key that is not there. Remembers that one was. */
static bool may_fetch(struct issuer *i)
{
    if (!i->keys)
        return issuer_since(i, i->tried_ms) >= ISSUER_RETRY_MS;
    if (issuer_since(i, i->asked_ms) < ISSUER_UNKNOWN_MS)
        return false;
    i->asked_ms = loop_now_ms(i->loop);
    return true;
}

void issuer_find_key(struct issuer *i, const char *key_id, issuer_done *done, void *arg)
{
    LOOP_ASSERT(i->loop);
    issuer_age(i);
    const struct jwk *key = jwks_find(i->keys, slice_of(key_id));
    if (key) {
        done(ISSUER_OK, key, i->name, arg);
    } else if (i->n_waiting >= ISSUER_WAITING_MAX) {
        done(ISSUER_BUSY, NULL, NULL, arg);
    } else if (i->fetch || may_fetch(i)) {
        issuer_fetch(i);
        wait_for_fetch(i, key_id, done, arg);
    } else {
        done(i->keys ? ISSUER_UNKNOWN_KEY : ISSUER_UNREACHABLE, NULL, NULL, arg);
    }
}
