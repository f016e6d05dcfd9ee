/* reload: a loop points at one const struct at a time, and takes the next one from a mail, at the
 * start of a turn. The last loop to leave a set frees it: nothing that was read of it outlives the
 * turn it was read in. The first set stays, for what was wired with its texts; what a reload may
 * change is not among those. */
#include "server/reload.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log_event.h"
#include "base/memory.h"
#include "config/config.h"
#include "server/ready.h"
#include "server/wiring.h"

/* A set that was replaced. */
struct retired {
    struct config *config; /* owned; NULL: the first one, which stays */
    atomic_uint n_readers; /* any thread: loops that have not taken the next one yet */
};

struct swap {
    struct mail mail;
    struct server *server;
    const struct config *config;
    struct retired *before;
};

/* Releases pair with the acquire of the last one: what the other loops have read is read when it is
 * freed. */
static void reload_retire(struct loop *l, struct retired *r)
{
    if (atomic_fetch_sub_explicit(&r->n_readers, 1, memory_order_acq_rel) != 1)
        return;
    if (r->config)
        loop_count(l, METRIC_CONFIGURATIONS, -1);
    config_free(r->config);
    mem_free(r);
}

static void run_swap(struct loop *l, struct mail *mail)
{
    struct swap *m = CONTAINER_OF(mail, struct swap, mail);

    l->config = m->config;
    server_set_site(&m->server->sites[l->index], m->config);
    reload_retire(l, m->before);
    mem_free(m);
}

static void reload_tell(struct server *s, const struct config *fresh, struct config *old)
{
    struct retired *r = MEM_NEW(struct retired);

    r->config = old == s->first_config ? NULL : old;
    atomic_init(&r->n_readers, s->loops.n_loops);
    for (unsigned i = 0; i < s->loops.n_loops; i++) {
        struct swap *m = MEM_NEW(struct swap);
        *m = (struct swap){{NULL, run_swap}, s, fresh, r};
        loop_post_outside(&s->loops.loops[i], &m->mail);
    }
}

static void reload_count(struct server *s, bool is_ok)
{
    int64_t was = metric_get(&s->metrics, METRIC_RELOAD_OK);

    metric_add(&s->metrics, METRIC_RELOAD_OK, is_ok - was);
    metric_add(&s->metrics, METRIC_RELOAD_FAILURES, !is_ok);
}

static void log_changes(const struct config *c)
{
    for (size_t i = 0; i < c->n_notes; i++) {
        const struct config_note *n = &c->notes[i];
        if (n->kind == CONFIG_NOTE_OPTION)
            LOG(LOG_INFO, "config", "option changed", log_text("name", n->name),
                log_text("value", n->text), log_text("from", n->from));
        else if (n->kind == CONFIG_NOTE_WARN)
            LOG(LOG_WARN, "config", "needs a restart", log_text("name", n->name),
                log_text("text", n->text));
    }
}

/* The reader says what is wrong as it does at start, a line each; the log says it in one. */
static void log_refusal(struct slice text)
{
    SCRATCH_BUF(reason, 0);
    struct slice line;
    int64_t n = 0;

    while (slice_cut(text, '\n', &line, &text)) {
        buf_add_text(&reason, n++ ? "; " : "");
        buf_add_slice(&reason, slice_starts(line, "hyphad: ") ? slice_from(line, 8) : line);
    }
    LOG_EVENT(EVENT_RELOAD_REFUSED, log_slice("reason", buf_slice(&reason)), log_int("errors", n));
}

static bool read_fresh(const struct config *old, struct config **ret_fresh)
{
    char *text = NULL;
    size_t n = 0;
    FILE *errors = open_memstream(&text, &n);
    bool ok = errors && config_reload(old, errors, ret_fresh) == CONFIG_SERVE;

    if (errors)
        fclose(errors);
    if (!ok)
        log_refusal(slice_make(text ? text : "", text ? n : 0));
    free(text);
    return ok;
}

void reload(struct server *s, struct config **config)
{
    struct config *fresh = NULL;

    ready_notify("RELOADING=1");
    if (!read_fresh(*config, &fresh)) {
        reload_count(s, false);
        ready_notify("READY=1");
        return;
    }
    struct log_options log = server_log_options(fresh);
    log_configure(&log);
    reload_count(s, true);
    s->config = fresh;
    metric_add(&s->metrics, METRIC_CONFIGURATIONS, 1);
    reload_tell(s, fresh, *config);
    *config = fresh;
    LOG_EVENT(EVENT_RELOADED, log_int("changes", (int64_t)fresh->n_notes));
    log_changes(fresh);
    ready_notify("READY=1");
}
