/* backup_command: the database is found as the server finds it; the server itself is not asked, it
 * may be running or not. */
#include "server/backup_command.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "config/config.h"
#include "store/backup.h"
#include "store/store.h"

/* NULL: nothing of it outlives the process. Owned by the caller. */
static char *database_of(const struct config *c)
{
    struct buf b;

    if (c->database_path)
        return strcmp(c->database_path, ":memory:") == 0
                   ? NULL
                   : mem_copy(c->database_path, strlen(c->database_path));
    if (!c->data_dir || strcmp(c->data_dir, ":memory:") == 0)
        return NULL;
    buf_init(&b, 0);
    buf_add_fmt(&b, "%s/hyphad.db", c->data_dir);
    return buf_take(&b);
}

int backup_command(const struct config *config, FILE *out, FILE *err)
{
    char error[BACKUP_ERROR_MAX] = "", *from = database_of(config);
    int64_t n_bytes = 0;

    if (!from) {
        fprintf(err, "hyphad: backup: there is no database file (--data-dir names its folder)\n");
        return CONFIG_EXIT_WRONG;
    }
    int r = backup_run(from, config->backup.file, config->backup.is_forced, &n_bytes, error);
    bool is_elsewhere = store_is_shared(config->store);
    if (r == BACKUP_OK)
        fprintf(out, "%s: %" PRId64 " bytes, copied from %s and checked%s\n", config->backup.file,
                n_bytes, from, is_elsewhere ? " (the records are in Redis, not here)" : "");
    else
        fprintf(err, "hyphad: backup: %s%s\n", error,
                r == BACKUP_EXISTS ? " (--force replaces it)" : "");
    mem_free(from);
    return r == BACKUP_OK ? CONFIG_EXIT_OK : CONFIG_EXIT_FAILED;
}
