/* redis_try: at start there is no loop to wait on and nobody to serve: hiredis's own connection
 * does, and what is wrong is said before anybody is let in. */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "net/redis_format.h"

char *redis_format(const struct redis_command *c, size_t *ret_len)
{
    const char *args[REDIS_ARGS_MAX];
    size_t lens[REDIS_ARGS_MAX];
    char *bytes = NULL;

    for (size_t i = 0; i < c->n_args; i++) {
        args[i] = c->args[i].len ? c->args[i].ptr : "";
        lens[i] = c->args[i].len;
    }
    int n = redisFormatCommandArgv(&bytes, (int)c->n_args, args, lens);
    *ret_len = n > 0 ? (size_t)n : 0;
    return n > 0 ? bytes : NULL;
}

struct redis_command redis_words(const char *a, const char *b, const char *c, const char *d)
{
    const char *const all[] = {a, b, c, d};
    struct redis_command command = {.n_args = 0};

    for (size_t i = 0; i < 4 && all[i]; i++)
        command.args[command.n_args++] = slice_of(all[i]);
    return command;
}

static bool redis_try_fail(char error[REDIS_ERROR_TEXT_MAX], const char *reason)
{
    (void)snprintf(error, REDIS_ERROR_TEXT_MAX, "%.200s", reason);
    return false;
}

/* The answer is the caller's to free; NULL: error says why. */
static redisReply *redis_try_ask(redisContext *c, const struct redis_command *command,
                                 char error[REDIS_ERROR_TEXT_MAX])
{
    redisReply *reply = NULL;
    void *answer = NULL;
    size_t n;
    char *bytes = redis_format(command, &n);

    if (bytes && redisAppendFormattedCommand(c, bytes, n) == REDIS_OK &&
        redisGetReply(c, &answer) == REDIS_OK)
        reply = answer;
    else
        (void)redis_try_fail(error, c->err ? c->errstr : "no memory");
    redisFreeCommand(bytes);
    if (reply && reply->type == REDIS_REPLY_ERROR) {
        (void)redis_try_fail(error, reply->str);
        freeReplyObject(reply);
        reply = NULL;
    }
    return reply;
}

static bool ask_for_nothing(redisContext *c, struct redis_command command,
                            char error[REDIS_ERROR_TEXT_MAX])
{
    redisReply *reply = redis_try_ask(c, &command, error);
    bool ok = reply != NULL;

    freeReplyObject(reply);
    return ok;
}

static bool log_in(redisContext *c, const struct redis_uri *u, char error[REDIS_ERROR_TEXT_MAX])
{
    char database[16];

    (void)snprintf(database, sizeof(database), "%u", u->database);
    if (u->password && !ask_for_nothing(c,
                                        u->user ? redis_words("AUTH", u->user, u->password, NULL)
                                                : redis_words("AUTH", u->password, NULL, NULL),
                                        error))
        return false;
    return ask_for_nothing(c,
                           u->database ? redis_words("SELECT", database, NULL, NULL)
                                       : redis_words("PING", NULL, NULL, NULL),
                           error);
}

static bool redis_try_greet(redisContext *c, const struct redis_link_options *o,
                            char error[REDIS_ERROR_TEXT_MAX])
{
    if (!o->greeting.n_args)
        return true;
    redisReply *reply = redis_try_ask(c, &o->greeting, error);
    bool ok =
        reply && (!o->is_welcome ||
                  o->is_welcome((const struct redis_reply *)(const void *)reply, o->arg, error));
    freeReplyObject(reply);
    return ok;
}

bool redis_link_try(const struct redis_link_options *o, const struct redis_command *command,
                    redis_done *done, void *arg, char ret_error[REDIS_ERROR_TEXT_MAX])
{
    const struct redis_uri *u = &o->uri;
    struct timeval limit = {o->timeout_ms / 1000, (long)(o->timeout_ms % 1000) * 1000};
    redisContext *c = u->path ? redisConnectUnixWithTimeout(u->path, limit)
                              : redisConnectWithTimeout(u->host, u->port, limit);
    redisReply *reply = NULL;

    if (!c)
        return redis_try_fail(ret_error, "no memory");
    bool ok = c->err
                  ? redis_try_fail(ret_error, c->errstr)
                  : redisSetTimeout(c, limit) == REDIS_OK || redis_try_fail(ret_error, c->errstr);
    ok = ok && log_in(c, u, ret_error) && redis_try_greet(c, o, ret_error);
    if (ok)
        reply = redis_try_ask(c, command, ret_error);
    if (reply)
        done(REDIS_LINK_ANSWERED, (const struct redis_reply *)(const void *)reply, arg);
    freeReplyObject(reply);
    redisFree(c);
    return reply != NULL;
}
