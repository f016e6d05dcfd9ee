/* Queues and tasks as containers: order, sums, and that nothing is left. req: S-92 */
#include "queue/workspace_queues.h"

#include "base/account.h"
#include "base/held.h"
#include "harness/check.h"
#include "loop/loop.h"

struct bench {
    struct loop_set set;
    struct account *account;
    struct workspace_queues *in_workspace;
};

static void bench_open(struct bench *b, size_t cap_bytes)
{
    check_allow_fds(2);
    CHECK_INT(loop_set_init(&b->set, 1), 0);
    b->account = account_new(NULL, ACCOUNT_WORKSPACE, cap_bytes);
    b->in_workspace = workspace_queues_new(b->set.loops, "ws", 0, b->account, false);
}

static void bench_close(struct bench *b)
{
    CHECK(workspace_queues_are_empty(b->in_workspace));
    workspace_queues_free(b->in_workspace);
    CHECK_INT(account_used(b->account), 0);
    CHECK_INT(loop_set_sum(&b->set, METRIC_QUEUE_TASKS), 0);
    account_unref(b->account);
    CHECK_INT(loop_set_start(&b->set), 0);
    loop_set_stop(&b->set);
    loop_set_deinit(&b->set);
}

static struct queue_task *add(struct queue *q, uint64_t number)
{
    struct queue_task *t = queue_task_new(q, number, SLICE_LIT("ada"), SLICE_LIT("\x80"));

    CHECK(t);
    queue_task_enqueue(t);
    return t;
}

static void expect_order(const struct queue *q, const char *wanted)
{
    char text[64] = "";

    LIST_FOREACH (it, &q->tasks) {
        size_t n = strlen(text);
        (void)snprintf(text + n, sizeof(text) - n, "%d",
                       (int)LIST_ENTRY(it, struct queue_task, link)->number);
    }
    CHECK_TEXT(text, wanted);
}

static void drop_all(struct queue *q)
{
    while (!list_is_empty(&q->tasks)) {
        struct queue_task *t = LIST_ENTRY(q->tasks.next, struct queue_task, link);
        queue_task_lease(t);
        queue_task_free(t);
    }
    queue_drop_if_idle(q);
}

CASE(a_task_that_comes_back_stands_where_it_was)
{
    struct bench b;

    bench_open(&b, 0);
    struct queue *q = queue_get(b.in_workspace, SLICE_LIT("q"), SLICE_LIT("ada"));
    struct queue_task *one = add(q, 1), *two = add(q, 2);
    add(q, 3);
    queue_task_lease(one);
    queue_task_lease(two);
    expect_order(q, "3");
    CHECK_INT(q->n_tasks, 1);
    CHECK_INT(q->n_in_flight, 2);
    queue_task_enqueue(two);
    expect_order(q, "23");
    add(q, 4);
    queue_task_enqueue(one);
    expect_order(q, "1234");
    CHECK_INT(q->n_tasks, 4);
    CHECK_INT(q->n_in_flight, 0);
    CHECK_INT(b.in_workspace->n_bytes, 4 * (TASK_OVERHEAD + 1));
    CHECK_INT(loop_set_sum(&b.set, METRIC_QUEUE_TASKS), 4);
    drop_all(q);
    bench_close(&b);
}

CASE(a_queue_is_there_while_something_is_in_it)
{
    struct bench b;

    bench_open(&b, 0);
    struct queue *q = queue_get(b.in_workspace, SLICE_LIT("q"), SLICE_LIT("ada"));
    CHECK(queue_get(b.in_workspace, SLICE_LIT("q"), SLICE_LIT("ada")) == q);
    struct queue_task *t = queue_task_new(q, 1, SLICE_LIT("ada"), SLICE_LIT("x"));
    queue_drop_if_idle(q);
    CHECK(queue_find(b.in_workspace, SLICE_LIT("q")) == q);
    /* Its queue goes before it. */
    queue_task_leave(t);
    CHECK_INT(b.in_workspace->n_bytes, 0);
    queue_drop_if_idle(q);
    CHECK(!queue_find(b.in_workspace, SLICE_LIT("q")));
    CHECK(slice_is(queue_task_value(t), "x"));
    queue_task_free(t);
    bench_close(&b);
}

CASE(a_full_account_refuses)
{
    struct bench b;

    size_t cost = held_cost(sizeof(struct queue_task) + 1);

    bench_open(&b, 3 * cost - 1);
    b.account->cap_bytes += account_kept(b.account); /* of the shelf's own account */
    /* a name is paid for too */
    b.account->cap_bytes += held_cost(sizeof(struct queue) + 1);
    struct queue *q = queue_get(b.in_workspace, SLICE_LIT("q"), SLICE_LIT("ada"));
    CHECK(q != NULL);
    add(q, 1);
    add(q, 2);
    CHECK(!queue_get(b.in_workspace, SLICE_LIT("another"), SLICE_LIT("ada")));
    CHECK(!queue_task_new(q, 3, SLICE_LIT("ada"), SLICE_LIT("x")));
    CHECK_INT(q->n_in_flight, 0);
    drop_all(q);
    bench_close(&b);
}

CASES(RUN(a_task_that_comes_back_stands_where_it_was),
      RUN(a_queue_is_there_while_something_is_in_it), RUN(a_full_account_refuses))
