/* local: accounts of this server: sign-up with a code by e-mail, log-in with a password, a profile,
 * a forgotten password. Functions of `public/hypha-login`, which answer {success, ...} and never
 * raise for what a person did wrong. Hub loop. */
#pragma once

struct local;
struct login;

/* Reads from the store how many accounts there are; functions may be called at once. */
struct local *local_open(struct login *login);
/* Settles every call under way. Takes NULL. Before the login goes; its memory goes when the store
 * and the worker pool have answered. */
void local_close(struct local *l);
/* Of a handler's arg, which is the login; with the options as they are. */
struct local *local_of(void *arg);
