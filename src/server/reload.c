/* reload: a loop points at one const struct at a time. The old one is kept until the process ends: requests under way may hold
 * texts of it, and a reload is rare. */
#include "server/reload.h"

#include <stdio.h>

#include "base/log.h"
#include "base/memory.h"
#include "config/config.h"
#include "server/ready.h"
#include "server/wiring.h"

struct swap {
    struct mail mail;
    struct server *server;
    const struct config *config;
};

static void run_swap(struct loop *l, struct mail *mail)
{
    struct swap *m = CONTAINER_OF(mail, struct swap, mail);

    l->config = m->config;
    server_set_site(&m->server->sites[l->index], m->config);
    mem_free(m);
}

static void tell(struct server *s, const struct config *fresh)
{
    for (unsigned i = 0; i < s->loops.n_loops; i++) {
        struct swap *m = MEM_NEW(struct swap);
        *m = (struct swap){{NULL, run_swap}, s, fresh};
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
    tell(s, fresh);
    server_keep_config(s, *config);
    *config = fresh;
    s->config = fresh;
    log_changes(fresh);
    ready_notify("READY=1");
}
