/* libcurl: loaded when the first fetcher is made. It brings some thirty libraries, 4 MB of memory
 * and most of a start's time, which a server that fetches nothing should not pay. The fetch files'
 * own. */
#pragma once
#include <curl/curl.h>

struct libcurl {
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    CURLcode (*easy_perform)(CURL *easy);
    CURLcode (*easy_pause)(CURL *easy, int what);
    void (*easy_cleanup)(CURL *easy);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_assign)(CURLM *multi, curl_socket_t fd, void *arg);
    CURLMcode (*multi_socket_action)(CURLM *multi, curl_socket_t fd, int events, int *n_running);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *n_left);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *text);
    void (*slist_free_all)(struct curl_slist *list);
};

/* Ready for use, by any number of threads at once. NULL where the library is missing: the log says
 * so, once. Blocks while it is loaded. Any thread. */
const struct libcurl *libcurl(void);
