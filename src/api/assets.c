/* assets: files of folders the operator has named (`/NAME` of --static-mounts), the JavaScript
 * client (/assets, /static), and what a page must know about this server (/assets/config.json).
 * Loop of the request. */
#include <string.h>

#include "api/caller.h"
#include "api/api_internal.h"
#include "auth/user_mp.h"
#include "base/memory.h"
#include "config/config.h"
#include "http/http_file.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/hub.h"
#include "wire/json.h"
#include "wire/mp.h"

/* ---- mounts ---- */

struct api_mount {
    const char *folder; /* of the configuration */
    char *bare;         /* owned: "/NAME" */
    char *index;        /* owned: "/NAME/" */
    char *below;        /* owned: "/NAME/{file:path}" */
    char *absent;       /* owned: what is said at "/NAME" when there is no index.html */
};

static char *assets_text_of(const char *before, const char *name, const char *after)
{
    struct buf b;

    buf_init(&b, 0);
    buf_add_fmt(&b, "%s%s%s", before, name, after);
    char *text = buf_take(&b);
    ASSERT(text != NULL);
    return text;
}

static void on_mount(struct http_request *req, void *arg)
{
    const struct api_mount *m = arg;

    http_file_respond(req, &(struct http_file){.folder = m->folder,
                                               .path = SLICE_LIT("index.html"),
                                               .family = HTTP_F1,
                                               .absent = m->absent,
                                               .is_at_folder = true});
}

static void on_index(struct http_request *req, void *arg)
{
    const struct api_mount *m = arg;

    http_file_respond(req, &(struct http_file){.folder = m->folder,
                                               .path = SLICE_LIT("index.html"),
                                               .family = HTTP_F2,
                                               .absent = "Not Found"});
}

static void on_mounted(struct http_request *req, void *arg)
{
    const struct api_mount *m = arg;

    http_file_respond(req, &(struct http_file){.folder = m->folder,
                                               .path = http_request_param(req, "file"),
                                               .family = HTTP_F2,
                                               .absent = "Not Found"});
}

void api_add_mounts(struct api *a)
{
    const struct config_mounts *mounts = &a->options.config->static_mounts;

    a->mounts = mem_new(mounts->n_items * sizeof(*a->mounts));
    for (size_t i = 0; i < mounts->n_items; i++) {
        struct api_mount *m = &a->mounts[i];
        const char *name = mounts->items[i].name;
        *m = (struct api_mount){.folder = mounts->items[i].dir,
                                .bare = assets_text_of("/", name, ""),
                                .index = assets_text_of("/", name, "/"),
                                .below = assets_text_of("/", name, "/{file:path}"),
                                .absent = assets_text_of("File not found: ", name, "")};
        a->routes[a->n_routes++] = (struct http_route){.methods = HTTP_M_GET,
                                                       .pattern = m->bare,
                                                       .on_request = on_mount,
                                                       .arg = m,
                                                       .flags = HTTP_ROUTE_SHAREABLE};
        a->routes[a->n_routes++] = (struct http_route){.methods = HTTP_M_GET,
                                                       .pattern = m->index,
                                                       .on_request = on_index,
                                                       .arg = m,
                                                       .flags = HTTP_ROUTE_SHAREABLE};
        a->routes[a->n_routes++] = (struct http_route){.methods = HTTP_M_GET,
                                                       .pattern = m->below,
                                                       .on_request = on_mounted,
                                                       .arg = m,
                                                       .flags = HTTP_ROUTE_SHAREABLE};
    }
}

void api_free_mounts(struct api *a)
{
    for (size_t i = 0; i < a->options.config->static_mounts.n_items; i++) {
        mem_free(a->mounts[i].bare);
        mem_free(a->mounts[i].index);
        mem_free(a->mounts[i].below);
        mem_free(a->mounts[i].absent);
    }
    mem_free(a->mounts);
}

/* ---- the JavaScript client ---- */

void api_on_client_module(struct http_request *req, void *arg)
{
    const struct api *a = arg;

    http_file_respond(
        req, &(struct http_file){
                 .folder = a->options.config->web_client_dir,
                 .path = slice_from(req->path, strlen("/assets/")),
                 .content_type = "application/javascript",
                 .family = HTTP_F1,
                 .absent = "The JavaScript client is not installed on this server: put the files "
                           "of dist/ of the npm "
                           "package hypha-rpc into the folder that --web-client-dir names"});
}

void api_on_static(struct http_request *req, void *arg)
{
    const struct api *a = arg;

    http_file_respond(req, &(struct http_file){.folder = a->options.config->web_client_dir,
                                               .path = http_request_param(req, "file"),
                                               .family = HTTP_F2,
                                               .absent = "Not Found"});
}

/* ---- what a page must know ---- */

static void answer_config(struct caller *c, struct http_request *req)
{
    SCRATCH_BUF(b, 0);
    SCRATCH_BUF(json, 0);
    struct mp_open map;

    mp_open_map(&map, &b);
    mp_key(&map, "user");
    user_add_mp(&b, c->user, true);
    server_info_add(&map, c->api->options.hub->info);
    mp_close(&map);
    if (b.is_failed || json_from_mp(buf_slice(&b), &json) != JSON_OK)
        http_respond_error(req, 500, HTTP_F1, SLICE_LIT("No memory"));
    else
        http_respond(req, 200, "application/json", buf_slice(&json), SLICE_LIT(""));
    caller_free(c);
}

void api_on_config(struct http_request *req, void *arg)
{
    static const struct caller_endpoint endpoint = {.next = answer_config};

    caller_begin(arg, req, SLICE_LIT(""), &endpoint);
}
