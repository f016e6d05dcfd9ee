/* serve: a socket becomes a connection. */
#pragma once

struct http_loop;
struct seat;

/* Takes over the descriptor and its seat (NULL: not counted) and serves it. Loop thread. */
void http_serve(struct http_loop *hl, int fd, struct seat *seat);
