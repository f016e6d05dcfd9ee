/* local_table: the functions that accounts add, in the order they are shown. */
#include "login/local_table.h"

#include "login/local_internal.h"

#define OPTIONAL(name, kind, help)                                                                 \
    {                                                                                              \
        name, kind, true, help, NULL                                                               \
    }
/* Of any kind and optional, because what is wrong with them is answered, not raised. */
#define EMAIL OPTIONAL("email", RPC_ANY, "the address")
#define CODE OPTIONAL("code", RPC_ANY, "the digits of the mail")

const struct rpc_method local_methods[] = {
    {"signup",
     "Asks for an account; a code is sent to the address.",
     {OPTIONAL("name", RPC_ANY, "what to call you"), EMAIL,
      OPTIONAL("password", RPC_ANY, "at least 8 characters")},
     do_signup},
    {"verify_email",
     "Completes a sign-up.",
     {EMAIL, CODE, OPTIONAL("password", RPC_ANY, "of your sign-up, to know it for yours")},
     do_verify_email},
    {"resend_code", "Sends another code for a sign-up.", {EMAIL}, do_resend_code},
    {"login",
     "Gives a token for a password.",
     {EMAIL, OPTIONAL("password", RPC_ANY, "the password"),
      OPTIONAL("workspace", RPC_ANY, "one of yours; default: your own"),
      OPTIONAL("key", RPC_ANY, "of start: completes that login")},
     do_local_login},
    {"update_profile",
     "Changes name or password.",
     {OPTIONAL("user_email", RPC_ANY, "whose profile"),
      OPTIONAL("name", RPC_ANY, "the name from here on"),
      OPTIONAL("current_password", RPC_ANY, "needed unless you are logged in as that user"),
      OPTIONAL("new_password", RPC_ANY, "at least 8 characters")},
     do_update_profile},
    {"request_reset", "Sends a code to choose another password.", {EMAIL}, do_request_reset},
    {"reset_password",
     "Chooses another password.",
     {EMAIL, CODE, OPTIONAL("new_password", RPC_ANY, "at least 8 characters")},
     do_reset_password},
};
const size_t local_n_methods = sizeof(local_methods) / sizeof(local_methods[0]);
