/* cli: the command line. The config room's own. */
#pragma once
#include <stdbool.h>

#include "config/given.h"
#include "config/report.h"

enum cli_command {
    CLI_SERVE,
    CLI_CHECK,
    CLI_CONFIG,
    CLI_TOKEN,
    CLI_BACKUP,
    CLI_MIRROR,
    CLI_HELP,
    CLI_VERSION
};

struct cli {
    enum cli_command command;
    const char *subject;       /* help OPTION; config defaults|env|doc; NULL */
    bool is_online, is_strict; /* of check */
    struct config_token_request token;
    struct config_backup_request backup;
};

/* Adds what is given to all->...; errors go to the report. Values of secrets in argv are
 * overwritten after they are copied. */
void cli_read(int argc, char **argv, const char *cwd, struct arena *arena, struct cli *ret_cli,
              struct givens *all, struct report *report);
