/* commit: what the hub wants becomes a change, with what it was decided on. The hub loop decides
 * and commits within one turn, and nobody else commits, so a conflict is a mistake of ours. */
#include "auth/user.h"
#include "base/account.h"
#include "base/clock.h"
#include "base/random.h"
#include "registry/change.h"
#include "registry/records.h"

static void commit_change(struct registry *r, struct change *c, enum ledger_record record,
                          uint64_t number)
{
    struct slice id = record == LEDGER_WORKSPACE ? c->workspace : c->client;
    enum ledger_result result =
        ledger_commit(r->ledger, c, &(struct ledger_guard){record, id, number});

    ASSERT(result == LEDGER_DONE);
}

/* ---- workspaces ---- */

/* Positive as an integer of 64 bits, and never 0. */
static uint64_t new_incarnation(void)
{
    uint64_t n;

    random_bytes(&n, sizeof(n));
    return n >> 1 ? n >> 1 : 1;
}

struct workspace *workspace_add(struct registry *r, const struct workspace_fields *f,
                                struct account *parent, size_t cap_bytes)
{
    struct change c = {.kind = CHANGE_WORKSPACE_COMES,
                       .workspace = slice_of(f->id),
                       .workspace_comes = {f, {0, 0}, parent, cap_bytes}};

    if (f->birth)
        c.workspace_comes.birth = *f->birth;
    else if (!f->is_system)
        c.workspace_comes.birth =
            (struct workspace_birth){new_incarnation(), clock_wall_ms() / 1000};
    commit_change(r, &c, LEDGER_WORKSPACE, 0);
    return workspace_find(r, c.workspace);
}

void workspace_change_always(struct workspace *w, const struct workspace_fields *f)
{
    struct change c = {
        .kind = CHANGE_WORKSPACE_BECOMES, .workspace = slice_of(w->id), .workspace_becomes = f};

    commit_change(w->registry, &c, LEDGER_WORKSPACE, w->number);
}

bool workspace_change(struct workspace *w, const struct workspace_fields *f)
{
    struct account *keeper = w->keeper;
    size_t n = workspace_growth(w, f);

    if (n && account_charge(keeper, n) != ACCOUNT_OK)
        return false;
    workspace_change_always(w, f);
    account_release(keeper, n);
    return true;
}

bool workspace_set_config(struct workspace *w, struct slice config)
{
    struct workspace_fields f = workspace_fields_of(w);

    f.config = config;
    return workspace_change(w, &f);
}

void workspace_remove(struct registry *r, struct workspace *w)
{
    struct change c = {.kind = CHANGE_WORKSPACE_GOES, .workspace = slice_of(w->id)};

    commit_change(r, &c, LEDGER_WORKSPACE, w->number);
}

/* ---- clients ---- */

static struct change change_of_client(enum change_kind kind, const struct client *c)
{
    return (struct change){
        .kind = kind, .workspace = slice_of(c->workspace->id), .client = slice_of(c->full_id)};
}

struct client *client_add(struct registry *r, struct workspace *w, struct slice id,
                          const struct user *user, struct handle handle, bool is_virtual)
{
    SCRATCH_BUF(full, 0);

    buf_add_text(&full, w->id);
    buf_add_byte(&full, '/');
    buf_add_slice(&full, id);
    struct change c = {.kind = CHANGE_CLIENT_COMES,
                       .workspace = slice_of(w->id),
                       .client = buf_slice(&full),
                       .client_comes = {user, handle, is_virtual}};
    commit_change(r, &c, LEDGER_CLIENT, 0);
    return LIST_ENTRY(w->clients.prev, struct client, link); /* the last that has come */
}

struct workspace *client_remove(struct registry *r, struct client *client)
{
    struct workspace *w = client->workspace->has_gone ? NULL : client->workspace;
    struct change c = change_of_client(CHANGE_CLIENT_GOES, client);

    commit_change(r, &c, LEDGER_CLIENT, client->generation);
    return w;
}

/* ---- services ---- */

struct service *service_add(struct registry *r, struct client *client,
                            const struct service_fields *f, bool *ret_replaced)
{
    struct change c = change_of_client(CHANGE_SERVICE_COMES, client);
    SCRATCH_BUF(full, 0);

    buf_add_text(&full, client->full_id);
    buf_add_byte(&full, ':');
    buf_add_slice(&full, f->name);
    const struct service *old = service_find(r, buf_slice(&full));
    size_t n = service_growth(client, f, old);
    if (n && account_charge(client->account, n) != ACCOUNT_OK)
        return NULL;
    *ret_replaced = old != NULL;
    c.service = buf_slice(&full);
    c.service_comes = f;
    commit_change(r, &c, LEDGER_CLIENT, client->generation);
    account_release(client->account, n);
    return LIST_ENTRY(client->services.prev, struct service, of_client);
}

void service_remove(struct registry *r, struct service *s)
{
    struct change c = change_of_client(CHANGE_SERVICE_GOES, s->client);

    c.service = slice_of(s->full_id);
    commit_change(r, &c, LEDGER_CLIENT, s->client->generation);
}
