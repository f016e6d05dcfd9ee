/* stream_post: a message that comes by POST. It is taken on the loop its stream lives on, and
 * answered on its own: one object travels there with the body, and back to the request if its
 * client still waits. Whether who posts may act for the stream is asked when it is taken, and
 * before it is held back. */
#include "peer/stream_post.h"

#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/request.h"
#include "http/response.h"
#include "loop/offload.h"
#include "peer/access.h"
#include "peer/asker.h"
#include "peer/frame_scan.h"
#include "peer/hub.h"
#include "peer/inbound.h"
#include "peer/peer.h"
#include "peer/post.h"
#include "peer/stream_peer.h"
#include "wire/mp.h"
#include "wire/url.h"

static void run_post(struct loop *l, struct mail *mail)
{
    struct post *post = CONTAINER_OF(mail, struct post, mail);
    struct peer *p = peer_find(l, post->stream);
    struct stream_peer *s =
        p && p->via == &stream_transport && p->state == PEER_OPEN ? p->conn : NULL;

    if (!s)
        post_answer(post, POST_NO_STREAM);
    else if ((s->is_held || !list_is_empty(&s->posts)) &&
             speaker_may_act(p, &post->shown) == SPEAKER_OK)
        list_link(&s->posts, &post->link);
    else
        post_answer(post, post_take(p, post));
}

/* Where a token acts when no workspace is named: the one it is bound to, or its user's own. */
static void add_workspace(const struct asker *asker, struct buf *out)
{
    char personal[USER_WORKSPACE_MAX];

    if (!asker_is_verified(asker))
        return;
    user_personal_workspace(asker->token.user, personal);
    buf_add_text(out, asker->token.user->current_workspace ? asker->token.user->current_workspace
                                                           : personal);
}

/* The key of the stream. False: no client is named. */
static bool stream_post_read_key(struct peer_loop *pl, struct http_request *req, struct buf *key)
{
    SCRATCH_BUF(client, 0);
    SCRATCH_BUF(workspace, 0);

    bool ok = url_query_find(req->query, "client_id", &client) && client.len;
    if (!url_query_find(req->query, "workspace", &workspace) || !workspace.len) {
        buf_clear(&workspace);
        add_workspace(asker_of(req, pl->hub->keys), &workspace);
    }
    buf_add_slice(key, buf_slice(&workspace));
    buf_add_byte(key, '/');
    buf_add_slice(key, buf_slice(&client));
    return ok;
}

/* ---- a long one is looked at beside the loop ---- */

static void post_look(struct job *job)
{
    struct post *post = CONTAINER_OF(job, struct post, job);
    struct slice body = http_body_slice(&post->body), rest = body, map;
    struct rpc_header h;

    post->is_map = mp_take(&rest, MP_MAX_DEPTH, &map) == MP_OK && mp_is(map, MP_MAP);
    post->tail = RPC_TAIL_BAD;
    if (post->is_map && rpc_header_peek(body, &post->caps, &h) == RPC_HEADER_OK)
        post->tail = rpc_tail_check(h.tail, slice_is(h.type, "method"));
}

static void post_send(struct post *post)
{
    post->mail.run = run_post;
    loop_post(post->from, post->at, &post->mail);
}

static void post_looked(struct job *job)
{
    struct post *post = CONTAINER_OF(job, struct post, job);

    if (post->is_map) {
        post_send(post);
        return;
    }
    post->at = post->from;
    post_answer(post, POST_MALFORMED);
}

static void post_look_beside(struct post *post)
{
    const struct config *config = loop_config(post->from);
    struct http_request *req = http_request_resume(post->ticket);

    post->caps = (struct rpc_header_caps){(uint32_t)config->rpc_max_header_bytes,
                                          config->rpc_max_depth, config->rpc_max_pairs};
    post->job = (struct job){.class = OFFLOAD_BULK,
                             .is_stranger = !req->is_verified,
                             .work = post_look,
                             .done = post_looked};
    if (offload(post->from, &post->job) == OFFLOAD_OK)
        return;
    http_respond_error(req, 503, HTTP_F1,
                       SLICE_LIT("Too many large messages are being read, please retry"));
    post_free(post);
}

void stream_on_post(struct http_request *req, void *arg)
{
    struct peer_loop *pl = &((struct peer_loop *)arg)[req->loop->index];
    struct post *post = MEM_NEW(struct post);
    struct slice token;
    struct route at;
    struct buf key;

    post->from = req->loop;
    list_init(&post->link);
    buf_init(&key, 0);
    speaker_read(req, &post->shown, &token);
    bool has_client = stream_post_read_key(pl, req, &key);
    speaker_read_cookies(req, buf_slice(&key), &post->shown);
    bool is_found = router_find(pl->router, pl->loop, buf_slice(&key), &at) && route_is_here(&at);
    buf_deinit(&key);
    if (!has_client || !req->body.len) {
        http_respond_error(req, 400, HTTP_F1,
                           has_client ? SLICE_LIT("Empty request body")
                                      : SLICE_LIT("client_id is required"));
        post_free(post);
        return;
    }
    post->ticket = http_request_park(req, &(struct http_watch){0});
    post->body = http_request_take_body(req);
    if (is_found)
        post->stream = at.seat;
    post->at = is_found ? &pl->loop->set->loops[post->stream.loop] : pl->loop;
    if (!is_found) {
        post_answer(post, POST_NO_STREAM);
        return;
    }
    post->tail = PEER_TAIL_NEW;
    if (http_body_slice(&post->body).len < FRAME_SCAN_FROM)
        post_send(post);
    else
        post_look_beside(post);
}
