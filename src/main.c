/* main: arguments to a config, a config to a server, a server to an exit code. */
#include <stdio.h>

#include "config/config.h"
#include "server/backup_command.h"
#include "server/check_command.h"
#include "server/control_command.h"
#include "server/explain_command.h"
#include "server/generate_token.h"
#include "server/server.h"

extern char **environ;

static const char LIBRARIES[] =
    ", libuv, libcurl, llhttp, wslay, mbedTLS, libjwt, hiredis, SQLite, zlib, argon2";

int main(int argc, char **argv)
{
    struct config_program program = {.argc = argc,
                                     .argv = argv,
                                     .envp = environ,
                                     .out = stdout,
                                     .err = stderr,
                                     .libraries = LIBRARIES};
    struct config *config = NULL;
    int status = 0;

    server_raise_descriptor_limit();
    switch (config_load(&program, &config, &status)) {
    case CONFIG_SERVE:
        status = server_run(&config);
        break;
    case CONFIG_GENERATE_TOKEN:
        status = generate_token(config, stdout, stderr);
        break;
    case CONFIG_BACKUP:
        status = backup_command(config, stdout, stderr);
        break;
    case CONFIG_RELOAD:
        status = reload_command(config, stdout, stderr);
        break;
    case CONFIG_STOP:
        status = stop_command(config, stdout, stderr);
        break;
    case CONFIG_CHECK_ONLINE:
        status = check_command(config, stdout, stderr);
        break;
    case CONFIG_EXPLAIN:
        status = explain_command(argc - 2, argv + 2, stdin, stdout, stderr);
        break;
    default:
        break;
    }
    config_free(config);
    return status;
}
