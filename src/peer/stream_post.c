/* stream_post: a message that comes by POST. It is taken on the loop its stream lives on, and answered on its own: one object
 * travels there with the body, and back to the request if its client still waits. Who posts must be who opened the stream: the same credential, or a token of
 * the same user (D-06). */
#include <string.h>

#include "auth/token.h"
#include "base/buf.h"
#include "base/memory.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/hub.h"
#include "peer/peer.h"
#include "peer/stream_peer.h"
#include "wire/digest.h"
#include "wire/url.h"

struct post {
    struct mail mail;
    struct list link;           /* in stream_peer.posts while it is held back */
    struct loop *at, *from;     /* of the stream; of the request */
    struct http_ticket ticket;
    struct http_body body;      /* of the request */
    struct handle stream;
    struct user *user;          /* owned: of a token that is not the stream's own; or NULL */
    uint8_t credential[32];
    bool has_credential;
    int outcome;
};

struct post *post_of(struct list *link)
{
    return LIST_ENTRY(link, struct post, link);
}

struct slice post_body(const struct post *post)
{
    return http_body_slice(&post->body);
}

static void post_free(struct post *post)
{
    http_body_deinit(&post->body);
    user_unref(post->user);
    mem_free(post);
}

static void respond(struct http_request *req, int outcome)
{
    switch (outcome) {
    case POST_OK:
        http_respond(req, 200, NULL, SLICE_LIT(""), SLICE_LIT(""));
        break;
    case POST_FORBIDDEN:
        http_respond_error(req, 403, HTTP_F1, SLICE_LIT("Permission denied: the stream belongs to another user"));
        break;
    case POST_MALFORMED:
        http_respond_error(req, 400, HTTP_F1, SLICE_LIT("The body must begin with a MessagePack map"));
        break;
    default:
        http_respond_error(req, 400, HTTP_F1, SLICE_LIT("No such stream: open it with GET /rpc first"));
        break;
    }
}

static void run_answer(struct loop *l, struct mail *mail)
{
    struct post *post = CONTAINER_OF(mail, struct post, mail);
    struct http_request *req = http_request_resume(post->ticket);

    (void)l;
    if (req)
        respond(req, post->outcome);
    post_free(post);
}

void post_answer(struct post *post, int outcome)
{
    post->outcome = outcome;
    post->mail.run = run_answer;
    loop_post(post->at, post->from, &post->mail);
}

/* Digests are compared, not secrets: how far two of them agree tells nothing about either token. */
static bool may_post(const struct peer *p, const struct post *post)
{
    const struct stream_peer *s = p->conn;

    if (!post->has_credential)
        return !s->has_credential;
    if (s->has_credential && memcmp(s->credential, post->credential, sizeof(s->credential)) == 0)
        return true;
    return post->user && strcmp(post->user->id, p->user->id) == 0;
}

static void run_post(struct loop *l, struct mail *mail)
{
    struct post *post = CONTAINER_OF(mail, struct post, mail);
    struct peer *p = peer_find(l, post->stream);
    struct stream_peer *s = p && p->via == &stream_transport && p->state == PEER_OPEN ? p->conn : NULL;

    if (!s)
        post_answer(post, POST_NO_STREAM);
    else if (!may_post(p, post))
        post_answer(post, POST_FORBIDDEN);
    else if (s->is_held)
        list_link(&s->posts, &post->link);
    else
        post_answer(post, stream_take_post(p, post_body(post)));
}

/* The key of the stream: the workspace as given, else the one the token is bound to or its user's own. */
static bool read_key(struct http_request *req, const struct user *user, struct buf *key)
{
    char personal[USER_WORKSPACE_MAX];
    struct buf client, workspace;

    buf_init(&client, 0);
    buf_init(&workspace, 0);
    bool ok = url_query_find(req->query, "client_id", &client) && client.len;
    if (!url_query_find(req->query, "workspace", &workspace) || !workspace.len) {
        buf_clear(&workspace);
        if (user && user->current_workspace) {
            buf_add_text(&workspace, user->current_workspace);
        } else if (user) {
            user_personal_workspace(user, personal);
            buf_add_text(&workspace, personal);
        }
    }
    buf_add_slice(key, buf_slice(&workspace));
    buf_add_byte(key, '/');
    buf_add_slice(key, buf_slice(&client));
    buf_deinit(&client);
    buf_deinit(&workspace);
    return ok;
}

/* Who posts. A token that cannot be read here may still be the stream's own, of a kind that only its login could verify. */
static void identify(struct peer_loop *pl, struct http_request *req, struct post *post)
{
    char error[TOKEN_ERROR_MAX];
    struct token token;
    struct slice text;

    post->has_credential = http_request_token(req, &text);
    if (!post->has_credential)
        return;
    digest_sha256(text, post->credential);
    if (token_parse(pl->hub->keys, text, &token, error) == TOKEN_OK)
        post->user = token.user;
}

void stream_on_post(struct http_request *req, void *arg)
{
    struct peer_loop *pl = &((struct peer_loop *)arg)[req->loop->index];
    struct post *post = MEM_NEW(struct post);
    struct buf key;

    post->from = req->loop;
    list_init(&post->link);
    buf_init(&key, 0);
    identify(pl, req, post);
    bool has_client = read_key(req, post->user, &key);
    bool is_found = router_find(pl->router, pl->loop, buf_slice(&key), &post->stream);
    buf_deinit(&key);
    if (!has_client || !req->body.len) {
        http_respond_error(req, 400, HTTP_F1,
                           has_client ? SLICE_LIT("Empty request body") : SLICE_LIT("client_id is required"));
        post_free(post);
        return;
    }
    post->ticket = http_request_park(req, &(struct http_watch){0});
    post->body = http_request_take_body(req);
    post->at = is_found ? &pl->loop->set->loops[post->stream.loop] : pl->loop;
    if (!is_found) {
        post_answer(post, POST_NO_STREAM);
        return;
    }
    post->mail.run = run_post;
    loop_post(pl->loop, post->at, &post->mail);
}
