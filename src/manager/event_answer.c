/* event_answer: the newest rows are read first, as they are those that are wanted when there are
 * too many, and people read a log from its oldest. So where each row begins is noted before the
 * first is written. */
#include "manager/event_answer.h"

#include <string.h>

#include "base/account.h"
#include "base/buf.h"
#include "base/memory.h"
#include "manager/reply.h"
#include "rpc/rpc.h"
#include "store/journal.h"
#include "wire/mp.h"
#include "wire/time_text.h"

enum { SHORT_ANSWER = 32 * 1024 };

struct piece {
    struct list link;
    struct held_buf rows;
};

struct event_writing {
    /* begins: struct slice, the rest of its piece from each row on */
    struct held_buf out, begins;
};

void event_answer_init(struct event_answer *a)
{
    *a = (struct event_answer){0};
    list_init(&a->pieces);
}

static void pieces_free(struct event_answer *a)
{
    while (!list_is_empty(&a->pieces)) {
        struct piece *p = LIST_ENTRY(a->pieces.next, struct piece, link);
        list_unlink(&p->link);
        held_buf_deinit(&p->rows);
        mem_free(p);
    }
}

void event_answer_deinit(struct event_answer *a)
{
    pieces_free(a);
}

void event_answer_add(struct event_answer *a, struct held_buf *rows)
{
    struct piece *p = MEM_NEW(struct piece);

    list_init(&p->link);
    p->rows = *rows;
    *rows = (struct held_buf){0};
    a->n_bytes += p->rows.b.len;
    list_link(&a->pieces, &p->link);
}

static void event_answer_add_row(struct buf *b, const struct journal_row *row)
{
    SCRATCH_BUF(at, 0);

    time_text_add(&at, row->at_us);
    mp_add_map(b, 6);
    mp_add_text(b, "id");
    mp_add_int(b, row->id);
    mp_add_text(b, "event_type");
    mp_add_str(b, row->type);
    mp_add_text(b, "workspace");
    mp_add_str(b, row->workspace);
    mp_add_text(b, "user_id");
    mp_add_str(b, row->user);
    mp_add_text(b, "timestamp");
    mp_add_str(b, buf_slice(&at));
    mp_add_text(b, "data");
    mp_add_raw(b, row->data);
}

static void note_begins(const struct event_answer *a, struct buf *begins)
{
    LIST_FOREACH (it, &a->pieces) {
        struct slice rest = buf_slice(&LIST_ENTRY(it, struct piece, link)->rows.b), begin = rest;
        struct journal_row row;

        for (; journal_next(&rest, &row); begin = rest)
            buf_add(begins, &begin, sizeof(begin));
    }
}

static void write_rows(struct job *job)
{
    struct event_answer *a = CONTAINER_OF(job, struct event_answer, job);
    struct buf *out = &a->writing->out.b, *begins = &a->writing->begins.b;
    struct journal_row row;
    struct slice rest;

    note_begins(a, begins);
    size_t n = begins->len / sizeof(rest);
    out->is_failed |= begins->is_failed;
    mp_add_array(out, (uint32_t)n);
    for (size_t i = n; i > 0 && !out->is_failed; i--) {
        memcpy(&rest, begins->ptr + (i - 1) * sizeof(rest), sizeof(rest));
        if (journal_next(&rest, &row))
            event_answer_add_row(out, &row);
    }
    pieces_free(a);
}

static void event_answer_writing_free(struct event_answer *a)
{
    held_buf_deinit(&a->writing->out);
    held_buf_deinit(&a->writing->begins);
    a->writing = mem_free(a->writing);
}

static void event_answer_on_written(struct job *job)
{
    struct event_answer *a = CONTAINER_OF(job, struct event_answer, job);

    reply_buf(a->call, &a->writing->out.b);
    event_answer_writing_free(a);
    a->done(a->arg);
}

void event_answer_send(struct event_answer *a, struct rpc_call *call, void (*done)(void *arg),
                       void *arg)
{
    a->writing = MEM_NEW(struct event_writing);
    held_buf_init(&a->writing->out, 0, rpc_call_payer(call));
    held_buf_init(&a->writing->begins, 0, rpc_call_payer(call));
    a->call = call;
    a->done = done;
    a->arg = arg;
    a->job = (struct job){.class = OFFLOAD_BULK,
                          .is_stranger = call->user->is_anonymous,
                          .work = write_rows,
                          .done = event_answer_on_written};
    if (a->n_bytes <= SHORT_ANSWER) {
        write_rows(&a->job);
        event_answer_on_written(&a->job);
    } else if (offload(rpc_host_loop(call->host), &a->job) != OFFLOAD_OK) {
        rpc_reject(call, "RuntimeError", "Too many large answers are being written, please retry");
        event_answer_writing_free(a);
        done(arg);
    }
}
