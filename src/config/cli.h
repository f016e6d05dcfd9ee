/* cli: the command line. The config room's own. */
#pragma once
#include <stdbool.h>

#include "config/raw_option.h"
#include "config/report.h"

enum cli_command {
#define COMMAND(id, name, usage, summary, text) CLI_##id,
#define COMMAND_AGAIN(id, name)
#define COMMAND_HIDDEN(id, name) CLI_##id,
#include "config/commands.def"
#undef COMMAND
#undef COMMAND_AGAIN
#undef COMMAND_HIDDEN
};

struct cli {
    enum cli_command command;
    const char *subject;       /* help OPTION or COMMAND; config defaults|env|doc; NULL */
    bool is_all;               /* of help */
    bool is_changed;           /* of config */
    bool is_online, is_strict; /* of check */
    struct config_token_request token;
    struct config_backup_request backup;
};

/* Adds what is given to all->...; errors go to the report. Values of secrets in argv are
 * overwritten after they are copied. CLI_EXPLAIN: the words after it are left to the command that
 * reads them. */
void cli_read(int argc, char **argv, const char *cwd, struct arena *arena, struct cli *ret_cli,
              struct raw_options *all, struct report *report);
