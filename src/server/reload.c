/* reload: a loop points at one const struct at a time, and takes the next one from a mail, at the start of a turn. The last loop to
 * leave a set frees it: nothing that was read of it outlives the turn it was read in. The first set stays, for what was wired with
 * its texts; what a reload may change is not among those. */
#include "server/reload.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "server/ready.h"
#include "server/wiring.h"

/* A set that was replaced. */
struct retired {
    struct config *config;      /* owned; NULL: the first one, which stays */
    atomic_uint n_readers;      /* any thread: loops that have not taken the next one yet */
};

struct swap {
    struct mail mail;
    struct server *server;
    const struct config *config;
    struct retired *before;
};

/* Releases pair with the acquire of the last one: what the other loops have read is read when it is freed. */
static void retire(struct loop *l, struct retired *r)
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
    retire(l, m->before);
    mem_free(m);
}

static void tell(struct server *s, const struct config *fresh, struct config *old)
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

static void count(struct server *s, bool is_ok)
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
            LOG(LOG_INFO, "config", "option changed", log_text("name", n->name), log_text("value", n->text), log_text("from", n->from));
        else if (n->kind == CONFIG_NOTE_WARN)
            LOG(LOG_WARN, "config", "needs a restart", log_text("name", n->name), log_text("text", n->text));
    }
}

void reload(struct server *s, struct config **config)
{
    struct config *fresh = NULL;

    ready_notify("RELOADING=1");
    if (config_reload(*config, stderr, &fresh) != CONFIG_SERVE) {
        count(s, false);
        LOG(LOG_ERROR, "config", "reload refused", log_text("kept", "the old configuration"));
        ready_notify("READY=1");
        return;
    }
    struct log_options log = {.level = (enum log_level)fresh->loglevel, .format = (enum log_format)fresh->log_format,
                              .rate_per_s = (uint32_t)fresh->log_rate};
    log_configure(&log);
    count(s, true);
    s->config = fresh;
    metric_add(&s->metrics, METRIC_CONFIGURATIONS, 1);
    tell(s, fresh, *config);
    *config = fresh;
    log_changes(fresh);
    ready_notify("READY=1");
}
