/* metrics_page: the figures of the loops, a few of the process, and the families dashboards of the
 * original ask for although there is no bus behind them here: those are named and have no samples,
 * for a zero would say that there is one. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "api/api_internal.h"
#include "base/account.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/hub.h"

enum family {
#define FAMILY(id, type, name, help) FAMILY_##id,
#define ABSENT_FAMILY(type, name)
#include "api/other_metrics.def"
#undef FAMILY
#undef ABSENT_FAMILY
};

static const struct {
    const char *type, *name, *help;
} families[] = {
#define FAMILY(id, type, name, help) {type, name, help},
#define ABSENT_FAMILY(type, name)
#include "api/other_metrics.def"
#undef FAMILY
#undef ABSENT_FAMILY
};

static void add_absent(struct buf *b)
{
#define FAMILY(id, type, name, help)
#define ABSENT_FAMILY(type, name)                                                                  \
    "# HELP " name " Of the original's bus; this server has none\n# TYPE " name " " type "\n"
    buf_add_text(b,
#include "api/other_metrics.def"
    );
#undef FAMILY
#undef ABSENT_FAMILY
}

static void metrics_page_add_head(struct buf *b, enum family family)
{
    buf_add_fmt(b, "# HELP %s %s\n# TYPE %s %s\n", families[family].name, families[family].help,
                families[family].name, families[family].type);
}

static void add_figure(struct buf *b, enum family family, double value)
{
    metrics_page_add_head(b, family);
    buf_add_fmt(b, "%s %.17g\n", families[family].name, value);
}

void api_memory_pages(long *ret_virtual, long *ret_resident)
{
    FILE *f = fopen("/proc/self/statm", "re");

    *ret_virtual = *ret_resident = 0;
    if (f) {
        if (fscanf(f, "%ld %ld", ret_virtual, ret_resident) != 2)
            *ret_virtual = *ret_resident = 0;
        fclose(f);
    }
}

static void add_process(struct buf *b, const struct api *a)
{
    double page = (double)sysconf(_SC_PAGESIZE),
           age_s = (double)(clock_mono_ms() - a->started_ms) / 1000.0;
    long virtual_pages, resident_pages;

    api_memory_pages(&virtual_pages, &resident_pages);
    add_figure(b, FAMILY_RESIDENT, (double)resident_pages * page);
    add_figure(b, FAMILY_VIRTUAL, (double)virtual_pages * page);
    add_figure(b, FAMILY_CPU, (double)clock() / CLOCKS_PER_SEC);
    add_figure(b, FAMILY_STARTED, (double)clock_wall_ms() / 1000.0 - age_s);
}

/* asker: of the request for the figures, which they leave out. */
static void add_charged(struct buf *b, const struct hub *hub, struct account *asker)
{
    const struct account *process = hub->process, *shares[] = {account_shared(hub->loop->own),
                                                               hub->clients,
                                                               hub->anonymous,
                                                               hub->http,
                                                               hub->strangers,
                                                               hub->door};

    account_settle(asker);
    size_t n_kept = account_kept(process), n_asker = account_used(asker),
           n_under_way = account_used(process);
    n_under_way -= n_under_way < n_asker ? n_under_way : n_asker;
    add_figure(b, FAMILY_CHARGED, (double)(n_under_way + n_kept));
    add_figure(b, FAMILY_UNDER_WAY, (double)n_under_way);
    add_figure(b, FAMILY_KEPT, (double)n_kept);
    metrics_page_add_head(b, FAMILY_ACCOUNT);
    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        buf_add_fmt(b, "hyphad_account_bytes{account=\"%s\"} %zu\n",
                    account_kind_word((enum account_kind)shares[i]->kind),
                    account_used(shares[i]) + account_kept(shares[i]));
    metrics_page_add_head(b, FAMILY_REFUSALS);
    for (int i = 0; i < ACCOUNT_KINDS; i++)
        buf_add_fmt(b, "hyphad_account_refusals_total{account=\"%s\"} %zu\n",
                    account_kind_word((enum account_kind)i),
                    account_refusals(hub->process, (enum account_kind)i));
}

static void metrics_page_answer(struct api *a, struct http_request *req)
{
    const struct loop_set *set = a->options.loops;
    const struct metrics **blocks;
    SCRATCH_BUF(b, 0);

    blocks = mem_new((set->n_loops + 1) * sizeof(*blocks));
    for (unsigned i = 0; i < set->n_loops; i++)
        blocks[i] = &set->loops[i].metrics;
    blocks[set->n_loops] = a->options.accept_metrics;
    metrics_print(blocks, set->n_loops + 1, &b);
    add_absent(&b);
    add_process(&b, a);
    add_charged(&b, a->options.hub, req->account);
    http_respond(req, 200, "text/plain; charset=utf-8", buf_slice(&b), SLICE_LIT(""));
    mem_free(blocks);
}

void api_on_metrics(struct http_request *req, void *arg)
{
    int where = loop_config(req->loop)->metrics;

    if (where == CONFIG_METRICS_MAIN || where == CONFIG_METRICS_BOTH)
        metrics_page_answer(arg, req);
    else
        http_respond_error(req, 404, HTTP_F2, SLICE_LIT("Not Found"));
}

void api_on_admin_metrics(struct http_request *req, void *arg)
{
    int where = loop_config(req->loop)->metrics;

    if (where == CONFIG_METRICS_ADMIN || where == CONFIG_METRICS_BOTH)
        metrics_page_answer(arg, req);
    else
        http_respond_error(req, 404, HTTP_F2, SLICE_LIT("Not Found"));
}
