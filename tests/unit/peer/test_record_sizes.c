/* What an idle connection costs: the records of it, added up as the allocator rounds them.
 * docs/PERFORMANCE.md has the table; when a line here fails, a record has grown: say there why, or
 * make it smaller. */
#include "auth/user.h"
#include "base/account.h"
#include "harness/check.h"
#include "net/stream.h"
#include "peer/peer.h"
#include "registry/registry.h"
#include "ws/ws_conn.h"

/* glibc: a word of its own, then to a multiple of 16, at least 32. */
static size_t block(size_t n_bytes)
{
    size_t n = (n_bytes + 8 + 15) & ~(size_t)15;

    return n < 32 ? 32 : n;
}

CASE(records_of_a_connection_fit_their_budget)
{
    const struct {
        const char *name;
        size_t n_bytes, at_most;
    } rows[] = {
        {"stream with its libuv handle", block(sizeof(struct stream)), 448},
        {"WebSocket", block(sizeof(struct ws_conn)), 128},
        {"peer", block(sizeof(struct peer)), 432},
        {"its account", block(sizeof(struct account)), 64},
        {"user", block(sizeof(struct user)), 176},
        {"client in the registry", block(sizeof(struct client)), 192},
        {"slot", sizeof(struct slot), 16},
        {"place in the index of clients", sizeof(struct map_slot), 32},
    };
    size_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sum += rows[i].n_bytes;
        if (rows[i].n_bytes > rows[i].at_most)
            printf("# %s takes %zu bytes, not %zu\n", rows[i].name, rows[i].n_bytes,
                   rows[i].at_most);
        CHECK(rows[i].n_bytes <= rows[i].at_most);
    }
    CHECK(sum <= 1488);
    CHECK(block(sizeof(struct service)) <= 176);
}

CASES(RUN(records_of_a_connection_fit_their_budget))
