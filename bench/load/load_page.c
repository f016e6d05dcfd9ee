/* A plot is a list of (x, y) drawn into a fixed box; scales are linear from zero, but for latency,
 * whose x is logarithmic because its tail is what one looks for. Text that did not come from this
 * program (URL, first error) is escaped. */
#include "load/load_page.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 720, HEIGHT = 260, LEFT = 80, RIGHT = 20, TOP = 16, BOTTOM = 44, N_TICKS = 5 };

struct plot {
    FILE *out;
    const char *title;
    const char *x_name;
    const char *y_name;
    bool is_log_x;
    const double *x;
    const double *y;
    unsigned n;
};

static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '&':
            (void)fputs("&amp;", out);
            break;
        case '"':
            (void)fputs("&quot;", out);
            break;
        default:
            (void)fputc((unsigned char)*text < ' ' ? '.' : *text, out);
        }
    }
}

/* A number as a person reads it: 1.2k, 3.4M. */
static void short_number(double v, char *out, size_t n_out)
{
    static const char UNITS[] = " kMGT";
    unsigned u = 0;
    while (fabs(v) >= 1000 && u < 4) {
        v /= 1000;
        u++;
    }
    int n = snprintf(out, n_out, "%.3g", v);
    if (u && n > 0 && (size_t)n + 1 < n_out) {
        (void)snprintf(out + n, n_out - (size_t)n, "%c", UNITS[u]);
    }
}

static double x_place(const struct plot *p, double x, double lo, double hi)
{
    double share = p->is_log_x ? (log(x) - log(lo)) / (log(hi) - log(lo)) : (x - lo) / (hi - lo);
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double y_place(double y, double hi)
{
    return HEIGHT - BOTTOM - y / hi * (HEIGHT - TOP - BOTTOM);
}

static void put_axes(const struct plot *p, double lo, double hi, double top)
{
    char text[32];
    for (int i = 0; i <= N_TICKS; i++) {
        double share = (double)i / N_TICKS;
        double x = p->is_log_x ? lo * pow(hi / lo, share) : lo + share * (hi - lo);
        double at = x_place(p, x, lo, hi);
        short_number(x, text, sizeof(text));
        fprintf(p->out, "<text x='%.1f' y='%d' text-anchor='middle'>%s</text>", at,
                HEIGHT - BOTTOM + 16, text);
        at = y_place(top * share, top);
        short_number(top * share, text, sizeof(text));
        fprintf(p->out,
                "<path class='grid' d='M%d %.1fH%d'/><text x='%d' y='%.1f' "
                "text-anchor='end'>%s</text>\n",
                LEFT, at, WIDTH - RIGHT, LEFT - 6, at + 4, text);
    }
    fprintf(p->out,
            "<text x='%d' y='%d' text-anchor='middle'>%s</text><text x='%d' y='12'>%s</text>\n",
            (LEFT + WIDTH) / 2, HEIGHT - 8, p->x_name, LEFT, p->y_name);
}

static void put_plot(const struct plot *p)
{
    double lo = INFINITY;
    double hi = -INFINITY;
    double top = 0;
    for (unsigned i = 0; i < p->n; i++) {
        lo = fmin(lo, p->x[i]);
        hi = fmax(hi, p->x[i]);
        top = fmax(top, p->y[i]);
    }
    if (p->n < 2 || !(hi > lo) || !(top > 0) || (p->is_log_x && lo <= 0)) {
        return;
    }
    top *= 1.05;
    fprintf(p->out, "<h2>%s</h2>\n<svg viewBox='0 0 %d %d' role='img'>\n", p->title, WIDTH, HEIGHT);
    put_axes(p, lo, hi, top);
    fprintf(p->out, "<polyline points='");
    for (unsigned i = 0; i < p->n; i++) {
        fprintf(p->out, "%.1f,%.1f ", x_place(p, p->x[i], lo, hi), y_place(p->y[i], top));
    }
    fprintf(p->out, "'/>\n</svg>\n");
}

/* Share of samples per step of an equal factor. */
static void put_latency(FILE *out, const struct run *r, double *x, double *y)
{
    enum { STEPS = 200 };
    unsigned n = 0;
    double lo = (double)hist_quantile(&r->latency, 0) * 0.9;
    double hi = (double)r->latency.max * 1.01;
    if (r->latency.n < 2 || lo <= 0 || hi <= lo) {
        return;
    }
    for (unsigned i = 0; i < STEPS; i++) {
        double from = lo * pow(hi / lo, (double)i / STEPS);
        double to = lo * pow(hi / lo, (double)(i + 1) / STEPS);
        double count = hist_count_between(&r->latency, (uint64_t)from, (uint64_t)to);
        x[n] = from / 1000;
        y[n++] = 100 * count / (double)r->latency.n;
    }
    put_plot(
        &(struct plot){out, "Latency distribution", "microseconds", "% of samples", true, x, y, n});
    n = 0;
    for (unsigned i = 1; i < STEPS; i++) {
        double q = 1 - pow(10, -5.0 * i / STEPS);
        double count = (1 - q) * (double)r->latency.n;
        if (count < 1) {
            break;
        }
        x[n] = 1 / (1 - q);
        y[n++] = (double)hist_quantile(&r->latency, q) / 1000;
    }
    put_plot(&(struct plot){out, "Latency by percentile", "one in this many samples takes longer",
                            "microseconds", true, x, y, n});
}

static void put_over_time(FILE *out, const struct run *r, double *x, double *y)
{
    unsigned n = 0;
    for (unsigned i = 1; i < r->n_points; i++) {
        const struct point *a = &r->points[i - 1];
        const struct point *b = &r->points[i];
        if (b->at > a->at) {
            x[n] = b->at;
            y[n++] = (b->messages - a->messages) / (b->at - a->at);
        }
    }
    put_plot(&(struct plot){out, "Throughput", "seconds", "messages per second", false, x, y, n});
    for (n = 0; n < r->n_points; n++) {
        x[n] = r->points[n].at;
        y[n] = fmax(r->points[n].server_rss, 0);
    }
    put_plot(&(struct plot){out, "Memory over time", "seconds", "resident bytes of the server",
                            false, x, y, n});
    for (n = 0; n < r->n_points; n++) {
        x[n] = r->points[n].clients;
        y[n] = fmax(r->points[n].server_rss, 0);
    }
    put_plot(&(struct plot){out, "Memory over connections", "clients connected",
                            "resident bytes of the server", false, x, y, n});
}

static void put_figures(FILE *out, const struct run *r)
{
    fprintf(out, "<table>\n");
    for (unsigned i = 0; i < r->n_figures; i++) {
        fprintf(out, "<tr><th>%s</th><td>%.2f</td><td>%s</td></tr>\n", r->figures[i].name,
                r->figures[i].value, r->figures[i].unit);
    }
    fprintf(out, "</table>\n");
    if (r->n_errors) {
        fprintf(out, "<p class='bad'>");
        put_escaped(out, r->first_error);
        fprintf(out, "</p>\n");
    }
}

int page_write(const struct run *r, const char *scenario)
{
    static const char STYLE[] =
        "body{font:15px/1.5 system-ui,sans-serif;max-width:760px;margin:2em auto;padding:0 1em}"
        "table{border-collapse:collapse}th{text-align:left;font-weight:400;padding-right:2em}"
        "td{text-align:right;padding-right:.6em;font-variant-numeric:tabular-nums}"
        "svg{width:100%;font-size:11px}polyline{fill:none;stroke:#1466b8;stroke-width:1.6}"
        ".grid{stroke:#8884}text{fill:currentColor}.bad{color:#b00020}";
    FILE *out = fopen(r->opt.html_path, "we");
    if (!out) {
        return -errno;
    }
    double *x = mem_zeroed(RUN_MAX_POINTS, sizeof(*x));
    double *y = mem_zeroed(RUN_MAX_POINTS, sizeof(*y));
    fprintf(out,
            "<!doctype html>\n<html lang='en'><meta charset='utf-8'><title>hyphad-bench "
            "%s</title>\n<style>%s</style>\n<h1>%s</h1>\n<p>",
            scenario, STYLE, scenario);
    put_escaped(out, r->opt.url);
    fprintf(out, ", %u pairs, %u in flight, %zu bytes, %u connections</p>\n", r->opt.pairs,
            r->opt.inflight, r->opt.size, r->opt.connections);
    put_figures(out, r);
    put_latency(out, r, x, y);
    put_over_time(out, r, x, y);
    fprintf(out, "</html>\n");
    free(x);
    free(y);
    bool is_bad = ferror(out) != 0;
    return fclose(out) != 0 || is_bad ? -EIO : 0;
}
