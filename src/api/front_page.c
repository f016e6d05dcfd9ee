/* front_page: `/`, for a person who opens the address in a browser: what this is and how to say
 * hello. Static but for the URL. */
#include <string.h>

#include "api/api_internal.h"
#include "base/buf.h"
#include "http/request.h"
#include "http/response.h"
#include "peer/hub.h"
#include "version.h"

static void front_page_add_escaped(struct buf *b, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            buf_add_text(b, "&lt;");
        else if (*text == '&')
            buf_add_text(b, "&amp;");
        else if (*text == '"')
            buf_add_text(b, "&quot;");
        else
            buf_add_byte(b, (uint8_t)*text);
    }
}

void api_on_page(struct http_request *req, void *arg)
{
    struct api *a = arg;
    const char *url = a->options.hub->info->public_base_url;
    SCRATCH_BUF(b, 0);

    buf_add_text(
        &b,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>hyphad</title>\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 "
        "1rem}"
        "pre{background:#f4f4f4;padding:1rem;overflow:auto}</style></head><body><main>\n"
        "<h1>hyphad</h1>\n<p>This is a Hypha server: a hub that lets programs call each other's "
        "functions over WebSocket and plain "
        "HTTP. Version " HYPHAD_VERSION ", speaking the protocol of Hypha " HYPHA_PROTOCOL_VERSION
        ".</p>\n"
        "<h2>Say hello</h2>\n<pre># pip install hypha-rpc\nimport asyncio\nfrom hypha_rpc import "
        "connect_to_server\n\n"
        "async def main():\n    server = await connect_to_server({\"server_url\": \"");
    front_page_add_escaped(&b, url);
    buf_add_text(&b, "\"})\n    service = await server.register_service({\n        \"id\": "
                     "\"hello\", \"config\": {\"visibility\": \"public\"},\n"
                     "        \"hello\": lambda name: f\"Hello, {name}!\"})\n"
                     "    print(f\"");
    front_page_add_escaped(&b, url);
    buf_add_text(&b, "/{server.config.workspace}/services/hello/hello?name=World\")\n    await "
                     "server.serve()\n\nasyncio.run(main())</pre>\n"
                     "<p>Open the address it prints, or fetch it with curl. Health: <a "
                     "href=\"health\">/health</a>, figures: "
                     "<a href=\"metrics\">/metrics</a>.</p>\n</main></body></html>\n");
    http_respond(req, 200, "text/html; charset=utf-8", buf_slice(&b), SLICE_LIT(""));
}

/* The last route: there is no page but `/`, and which file is missing is said the way clients know
 * it: a first segment with a hyphen is a workspace, what follows is the file. */
void api_on_no_page(struct http_request *req, void *arg)
{
    struct slice page = http_request_param(req, "page"), file = page, first, rest;
    SCRATCH_BUF(detail, 0);

    (void)arg;
    if (slice_cut(page, '/', &first, &rest) && memchr(first.ptr, '-', first.len))
        file = rest;
    buf_add_text(&detail, "File not found: ");
    buf_add_slice(&detail, file);
    http_respond_error(req, 404, HTTP_F1, buf_slice(&detail));
}
