/* post: one message that came by POST for an HTTP stream. It travels to the loop of its stream with
 * the body, and back to the request if its client still waits. */
#pragma once
#include "base/list.h"
#include "http/request.h"
#include "loop/loop.h"
#include "loop/offload.h"
#include "peer/speaker.h"
#include "wire/rpc_header.h"

struct peer;

enum { POST_OK, POST_NO_STREAM, POST_FORBIDDEN, POST_EXPIRED, POST_BLOCKED, POST_MALFORMED };

struct post {
    struct mail mail;
    /* in stream_peer.posts (peer/stream_peer.h) while it is held back */
    struct list link;
    struct loop *at, *from; /* of the stream; of the request */
    struct http_ticket ticket;
    struct http_body body; /* of the request */
    struct handle stream;
    struct speaker_proof shown;
    int outcome;
    struct job job; /* the look at a long one */
    struct rpc_header_caps caps;
    bool is_map; /* what it found: it begins with a map; */
    int tail;    /* of struct peer_frame */
};

/* Handles the body, if who sent it may act for the peer; may end the peer. Not POST_NO_STREAM. Loop
 * of the stream. */
int post_take(struct peer *p, struct post *post);
/* from the loop post->at; the post is gone */
void post_answer(struct post *post, int outcome);
/* of one whose request is answered by other means */
void post_free(struct post *post);
