/* login_queue: places to log in, shared by WebSockets and HTTP streams:
 * --max-concurrent-connections of them, dealt to the loops. Who finds none waits for one, up to
 * --login-queue of them for --login-queue-timeout; beyond that the answer is 503 with Retry-After,
 * which clients heed. Loop-owned. */
#pragma once

struct http_request;
struct peer_loop;

void login_queue_init(struct peer_loop *pl);
/* its requests must be gone: their connections are closed before */
void login_queue_deinit(struct peer_loop *pl);
/* Hands the request to start() in this call or in a later turn, or refuses it. start() takes a
 * place (peer_new), or refuses. */
void login_queue_enter(struct peer_loop *pl, struct http_request *req,
                       void (*start)(struct peer_loop *pl, struct http_request *req));
/* A place has become free, or nobody is to get one any more (is_draining): who waits hears of it at
 * the end of the turn. Starts nothing itself, so that the end of a peer never becomes the beginning
 * of another on the same stack. */
void login_queue_wake(struct peer_loop *pl);
