/* features: opened in the order of their rooms, closed in the reverse one. */
#include "server/features.h"

#include "login/login.h"
#include "server/wiring.h"

void features_open(struct server *s)
{
    login_open(s->login, s->manager);
}

void features_drain(struct server *s)
{
    login_drain(s->login);
}

void features_close(struct server *s)
{
    login_close(s->login);
}
