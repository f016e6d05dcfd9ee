/* search: services found by what is written about them (search_index.h); who may see what is asked
 * of access.h for each match, as for a listing. Only with
 * --enable-service-search. Hub loop. */
#pragma once

struct hub;
struct service_search;

struct service_search *
/* before the first service is registered */
service_search_new(struct hub *h);
void service_search_free(struct service_search *s); /* takes NULL */
