/* load_service: the registrations a published client makes, with schemas of the same size, because
 * a server keeps them. */
#pragma once

#include "load/load_client.h"

void service_register_builtin(struct client *c);
/* Registers a public service with one function echo(x). The answer is <session>.resolve. */
void service_register_named(struct client *c, const char *service, const char *session);
void service_register_bench(struct client *c, const char *session); /* named "bench" */
/* Whether a message answers service_register_builtin. A refusal closes the connection. */
bool service_is_registered(struct client *c, const uint8_t *data, size_t n);
/* The message that ends an answer which came in chunks. */
bool service_is_last_chunk(const struct head *h);
/* Answers what the hub asks of a client that offers "bench": the service map, calls of echo, and
 * chunks. */
void service_answer(struct client *c, const uint8_t *data, size_t n);
