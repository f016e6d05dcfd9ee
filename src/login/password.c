/* password: libargon2 chooses the encoding ($argon2id$v=19$m=...), which carries its own salt and
 * cost: hashes made at another cost go on to be checked. The cost is the first recommendation of
 * OWASP for Argon2id. A hash of nobody's is checked against a fixed text of that form, so that an
 * e-mail which has no account is refused in the time of one that has. */
#include "login/password.h"

#include <argon2.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"
#include "base/random.h"
#include "loop/offload.h"

enum { COST_KIB = 19456, COST_PASSES = 2, COST_LANES = 1, SALT_BYTES = 16, HASH_BYTES = 32 };

/* Well-formed, of the cost above, and of no password anybody knows: the digest is random. */
static const char nobody[] = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdCBvZiBub2JvZHkhIQ$"
                             "4qEXHEr0DHmHvyHFh3sS5Cr4ofxEdKnkE1SfWSVNiVw";

struct passwords {
    struct loop *loop;
    unsigned max_running, max_waiting, n_running, n_waiting;
    struct list running, waiting; /* struct hashing.link */
};

struct hashing {
    struct job job;
    struct list link;
    struct passwords *owner; /* NULL: told already, the passwords are gone */
    char password[PASSWORD_MAX_BYTES];
    size_t password_len;
    bool is_check;
    char hash[PASSWORD_HASH_MAX];
    int outcome;
    password_done *done;
    void *arg;
};

struct passwords *passwords_new(struct loop *loop, unsigned max_running, unsigned max_waiting)
{
    struct passwords *p = MEM_NEW(struct passwords);

    *p = (struct passwords){.loop = loop, .max_running = max_running, .max_waiting = max_waiting};
    list_init(&p->running);
    list_init(&p->waiting);
    return p;
}

static void password_wipe(struct hashing *h)
{
    explicit_bzero(h->password, sizeof(h->password));
}

static void password_tell(struct hashing *h, int outcome)
{
    bool has_hash = outcome == PASSWORD_OK && !h->is_check;

    h->done(outcome, has_hash ? h->hash : "", h->arg);
}

void passwords_free(struct passwords *p)
{
    if (!p)
        return;
    LIST_FOREACH (it, &p->running) {
        struct hashing *h = LIST_ENTRY(it, struct hashing, link);

        list_unlink(it);
        h->owner = NULL; /* its job frees it */
        password_tell(h, PASSWORD_FAILED);
    }
    LIST_FOREACH (it, &p->waiting) {
        struct hashing *h = LIST_ENTRY(it, struct hashing, link);

        list_unlink(it);
        password_wipe(h);
        password_tell(h, PASSWORD_FAILED);
        mem_free(h);
    }
    mem_free(p);
}

/* ---- on a worker ---- */

static int make_hash(struct hashing *h)
{
    uint8_t salt[SALT_BYTES];

    random_bytes(salt, sizeof(salt));
    int r = argon2id_hash_encoded(COST_PASSES, COST_KIB, COST_LANES, h->password, h->password_len,
                                  salt, sizeof(salt), HASH_BYTES, h->hash, sizeof(h->hash));
    return r == ARGON2_OK ? PASSWORD_OK : PASSWORD_FAILED;
}

static int check_hash(const struct hashing *h)
{
    int r = argon2id_verify(h->hash, h->password, h->password_len);

    if (r == ARGON2_OK)
        return PASSWORD_OK;
    return r == ARGON2_MEMORY_ALLOCATION_ERROR ? PASSWORD_FAILED : PASSWORD_WRONG;
}

static void password_work(struct job *job)
{
    struct hashing *h = CONTAINER_OF(job, struct hashing, job);

    h->outcome = h->is_check ? check_hash(h) : make_hash(h);
    password_wipe(h);
}

/* ---- on the loop ---- */

static void password_on_worked(struct job *job);

static void run_next(struct passwords *p)
{
    while (p->n_running < p->max_running && !list_is_empty(&p->waiting)) {
        struct hashing *h = LIST_ENTRY(p->waiting.next, struct hashing, link);

        list_unlink(&h->link);
        p->n_waiting--;
        list_link(&p->running, &h->link);
        p->n_running++;
        h->job = (struct job){
            .class = OFFLOAD_CRYPTO, .work = password_work, .done = password_on_worked};
        ASSERT(offload(p->loop, &h->job) == OFFLOAD_OK); /* no more than max_running */
    }
}

static void password_on_worked(struct job *job)
{
    struct hashing *h = CONTAINER_OF(job, struct hashing, job);
    struct passwords *p = h->owner;

    if (p) {
        list_unlink(&h->link);
        p->n_running--;
        loop_count(p->loop, METRIC_PASSWORDS_WAITING, -1);
        run_next(p); /* before the answer, which may free p */
        password_tell(h, h->outcome);
    }
    explicit_bzero(h->hash, sizeof(h->hash));
    mem_free(h);
}

static void password_begin(struct passwords *p, struct hashing *h)
{
    h->owner = p;
    list_init(&h->link);
    list_link(&p->waiting, &h->link);
    p->n_waiting++;
    loop_count(p->loop, METRIC_PASSWORDS_WAITING, 1);
    run_next(p);
}

static struct hashing *hashing_new(struct passwords *p, struct slice password, password_done *done,
                                   void *arg)
{
    LOOP_ASSERT(p->loop);
    if (p->n_waiting >= p->max_waiting || password.len > PASSWORD_MAX_BYTES) {
        loop_count(p->loop, METRIC_PASSWORDS_SHED, 1);
        done(PASSWORD_BUSY, "", arg);
        return NULL;
    }
    struct hashing *h = MEM_NEW(struct hashing);
    memcpy(h->password, password.ptr, password.len);
    h->password_len = password.len;
    h->done = done;
    h->arg = arg;
    return h;
}

void password_hash(struct passwords *p, struct slice password, password_done *done, void *arg)
{
    struct hashing *h = hashing_new(p, password, done, arg);

    if (h)
        password_begin(p, h);
}

void password_check(struct passwords *p, struct slice password, const char *hash,
                    password_done *done, void *arg)
{
    struct hashing *h = hashing_new(p, password, done, arg);

    if (!h)
        return;
    h->is_check = true;
    hash = hash ? hash : nobody;
    size_t n_bytes = strlen(hash);
    /* An over-long one stays the empty text, which is nobody's password. */
    if (n_bytes < sizeof(h->hash))
        memcpy(h->hash, hash, n_bytes + 1);
    password_begin(p, h);
}
