/* features: opened in the order of their rooms, closed in the reverse one. */
#include "server/features.h"

#include "admin/admin.h"
#include "login/login.h"
#include "queue/queue.h"
#include "server/wiring.h"

void features_open(struct server *s)
{
    s->admin = admin_open(s->manager);
    login_open(s->login, s->manager);
    s->queues = queue_open(s->manager);
}

void features_drain(struct server *s)
{
    queue_drain(s->queues);
    login_drain(s->login);
}

void features_close(struct server *s)
{
    queue_close(s->queues);
    s->queues = NULL;
    login_close(s->login);
    admin_close(s->admin);
    s->admin = NULL;
}
