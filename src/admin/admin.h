/* admin: what only the administrator may do: the service `ws-user-root/admin-utils`. Who is here,
 * who is put out, who is kept out, what the server is doing. Hub loop. (workspaces-and-auth 12,
 * 14.3) */
#pragma once

struct admin;
struct manager;

struct admin *admin_open(struct manager *m); /* offers the service; after manager_new() */
/* Withdraws it; who waits for a workspace to be unloaded is told that the server ends. Takes NULL.
 * Before manager_free(). */
void admin_close(struct admin *a);
