/* post: whether who posts may act for the stream is asked when the message is taken. */
#include "peer/post.h"

#include "auth/token.h"
#include "base/blob.h"
#include "base/memory.h"
#include "http/response.h"
#include "peer/access.h"
#include "peer/inbound.h"
#include "peer/peer.h"
#include "wire/mp.h"

/* ---- taken ---- */

static bool is_control(struct slice map, struct slice rest, struct slice *ret_type)
{
    struct slice to;

    return !rest.len && !mp_find(map, "to", &to) && mp_find_str(map, "type", ret_type) &&
           (slice_is(*ret_type, "ping") || slice_is(*ret_type, "refresh_token"));
}

static const int post_outcomes[] = {[SPEAKER_OK] = POST_OK,
                                    [SPEAKER_STRANGER] = POST_FORBIDDEN,
                                    [SPEAKER_EXPIRED] = POST_EXPIRED,
                                    [SPEAKER_BLOCKED] = POST_BLOCKED};

/* It has been looked at beside the loop, and is passed on as it lies. */
static int take_long_post(struct peer *p, struct post *post)
{
    struct peer_frame frame = {.bytes = http_body_slice(&post->body), .tail = post->tail};
    int allowed = speaker_may_act(p, &post->shown);

    loop_count(p->pl->loop, METRIC_BYTES_IN, (int64_t)frame.bytes.len);
    if (allowed != SPEAKER_OK)
        return post_outcomes[allowed];
    frame.blob = http_body_take(&post->body, p->account);
    if (!frame.blob)
        frame.tail = PEER_TAIL_LOST;
    allowed = peer_binary(p, &post->shown, &frame);
    blob_unref(frame.blob);
    return post_outcomes[allowed];
}

int post_take(struct peer *p, struct post *post)
{
    struct slice body = http_body_slice(&post->body), rest = body, map, type;
    struct peer_frame frame = {.bytes = body, .tail = PEER_TAIL_NEW};

    if (post->tail != PEER_TAIL_NEW)
        return take_long_post(p, post);
    if (mp_take(&rest, MP_MAX_DEPTH, &map) != MP_OK || !mp_is(map, MP_MAP))
        return POST_MALFORMED;
    loop_count(p->pl->loop, METRIC_BYTES_IN, (int64_t)body.len);
    if (is_control(map, rest, &type))
        return post_outcomes[peer_control(p, &post->shown, type)];
    return post_outcomes[peer_binary(p, &post->shown, &frame)];
}

/* ---- answered ---- */

void post_free(struct post *post)
{
    http_body_deinit(&post->body);
    mem_free(post);
}

static void post_respond(struct http_request *req, int outcome)
{
    switch (outcome) {
    case POST_OK:
        http_respond(req, 200, NULL, SLICE_LIT(""), SLICE_LIT(""));
        break;
    case POST_FORBIDDEN:
        loop_count(req->loop, METRIC_POSTS_REFUSED, 1);
        req->refused_by = "another-speaker";
        http_respond_error(
            req, 403, HTTP_F1,
            SLICE_LIT("Permission denied: a post must show what its stream was opened with"));
        break;
    case POST_EXPIRED:
        req->refused_by = access_rule_name(RULE_TOKEN);
        http_respond_error(req, 401, HTTP_F2, SLICE_LIT(TOKEN_HAS_EXPIRED));
        break;
    case POST_BLOCKED:
        loop_count(req->loop, METRIC_BLOCKED_REFUSED, 1);
        req->refused_by = access_rule_name(RULE_BLOCKED);
        http_respond_error(req, 403, HTTP_F2, SLICE_LIT("IP is blocked"));
        break;
    case POST_MALFORMED:
        http_respond_error(req, 400, HTTP_F1,
                           SLICE_LIT("The body must begin with a MessagePack map"));
        break;
    default:
        http_respond_error(req, 400, HTTP_F1,
                           SLICE_LIT("No such stream: open it with GET /rpc first"));
        break;
    }
}

static void post_run_answer(struct loop *l, struct mail *mail)
{
    struct post *post = CONTAINER_OF(mail, struct post, mail);
    struct http_request *req = http_request_resume(post->ticket);

    (void)l;
    if (req)
        post_respond(req, post->outcome);
    post_free(post);
}

void post_answer(struct post *post, int outcome)
{
    post->outcome = outcome;
    post->mail.run = post_run_answer;
    loop_post(post->at, post->from, &post->mail);
}
