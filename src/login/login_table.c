/* login_table: the functions of the service without accounts, in the order they are shown. */
#include "login/login_table.h"

#include "login/login_internal.h"

#define OPTIONAL(name, kind, help)                                                                 \
    {                                                                                              \
        name, kind, true, help, NULL                                                               \
    }
#define REQUIRED(name, kind, help)                                                                 \
    {                                                                                              \
        name, kind, false, help, NULL                                                              \
    }

const struct rpc_method login_methods[] = {
    {"index", "The login page.", {OPTIONAL("event", RPC_ANY, "the request")}, login_do_index},
    {"start",
     "Begins a login: a key, and the page to show to the person.",
     {OPTIONAL("workspace", RPC_TEXT, "what the token shall be good for"),
      OPTIONAL("expires_in", RPC_ANY, "life of the token in seconds")},
     login_do_start},
    {"check",
     "Waits until the person has logged in; gives the token.",
     {REQUIRED("key", RPC_TEXT, "the key of start"),
      {"timeout", RPC_NUMBER, true, "seconds to wait; 0: do not", "180"},
      {"profile", RPC_BOOL, true, "a map with the person's profile beside the token", "false"}},
     login_do_check},
    {"report",
     "Hands in the token of the person who has logged in.",
     {REQUIRED("key", RPC_TEXT, "the key of start"), REQUIRED("token", RPC_TEXT, "a valid token"),
      OPTIONAL("workspace", RPC_ANY, "make a token for this workspace of it"),
      OPTIONAL("expires_in", RPC_ANY, "life of that one in seconds"),
      OPTIONAL("email", RPC_ANY, "e-mail address"),
      OPTIONAL("email_verified", RPC_ANY, "whether it is known to be theirs"),
      OPTIONAL("name", RPC_ANY, "full name"), OPTIONAL("nickname", RPC_ANY, "short name"),
      OPTIONAL("user_id", RPC_ANY, "id of the person"),
      OPTIONAL("picture", RPC_ANY, "URL of a picture")},
     login_do_report},
    {"profile", "The profile page.", {OPTIONAL("event", RPC_ANY, "the request")}, login_do_profile},
    {"logout",
     "The page that ends a person's login in the browser.",
     {OPTIONAL("config", RPC_ANY, "has no effect")},
     login_do_logout},
};
const size_t login_n_methods = sizeof(login_methods) / sizeof(login_methods[0]);
