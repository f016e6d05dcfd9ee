/* libcurl: a table of the functions fetch.c calls, filled once by dlopen(3) and constant from then
 * on. The library stays loaded: it has threads of its own that may outlive what started them. */
#include "net/libcurl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/assert.h"
#include "base/log.h"
#include "base/slice.h"

static struct {
    pthread_once_t once;
    bool is_there;
    struct libcurl table;
} loaded = {.once = PTHREAD_ONCE_INIT}; /* written once, before any reader */

static void libcurl_load(void)
{
    static const struct {
        const char *name;
        size_t offset;
    } rows[] = {
        {"curl_easy_init", offsetof(struct libcurl, easy_init)},
        {"curl_easy_setopt", offsetof(struct libcurl, easy_setopt)},
        {"curl_easy_getinfo", offsetof(struct libcurl, easy_getinfo)},
        {"curl_easy_strerror", offsetof(struct libcurl, easy_strerror)},
        {"curl_easy_perform", offsetof(struct libcurl, easy_perform)},
        {"curl_easy_pause", offsetof(struct libcurl, easy_pause)},
        {"curl_easy_cleanup", offsetof(struct libcurl, easy_cleanup)},
        {"curl_multi_init", offsetof(struct libcurl, multi_init)},
        {"curl_multi_setopt", offsetof(struct libcurl, multi_setopt)},
        {"curl_multi_add_handle", offsetof(struct libcurl, multi_add_handle)},
        {"curl_multi_remove_handle", offsetof(struct libcurl, multi_remove_handle)},
        {"curl_multi_assign", offsetof(struct libcurl, multi_assign)},
        {"curl_multi_socket_action", offsetof(struct libcurl, multi_socket_action)},
        {"curl_multi_info_read", offsetof(struct libcurl, multi_info_read)},
        {"curl_multi_cleanup", offsetof(struct libcurl, multi_cleanup)},
        {"curl_slist_append", offsetof(struct libcurl, slist_append)},
        {"curl_slist_free_all", offsetof(struct libcurl, slist_free_all)},
    };
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    CURLcode (*init)(long flags);

    if (!library)
        LOG(LOG_ERROR, "net", "cannot fetch or mail without libcurl.so.4",
            log_text("reason", dlerror()));
    for (size_t i = 0; library && i < ARRAY_LEN(rows); i++) {
        void *found = dlsym(library, rows[i].name);
        ASSERT(found != NULL);
        memcpy((char *)&loaded.table + rows[i].offset, &found, sizeof(found));
    }
    if (!library)
        return;
    void *found = dlsym(library, "curl_global_init");
    ASSERT(found != NULL);
    memcpy(&init, &found, sizeof(found));
    /* here, because it is for one thread alone */
    loaded.is_there = init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

const struct libcurl *libcurl(void)
{
    pthread_once(&loaded.once, libcurl_load);
    return loaded.is_there ? &loaded.table : NULL;
}
