/* A GET by libcurl, whose time-outs are its own: never a wait inside, each fetch a new connection.
 */
#include "runtime/priced/floor.h"
#include "runtime/priced/linux/linux.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MOST_US 50000u /* so that being asked to end is soon seen */

static struct {
    struct fetch_settings settings;
    CURLM *multi;
    CURL *easy;
    char error[CURL_ERROR_SIZE];
    size_t bytes;
    bool open, too_large;
} fetch;

static size_t take(char *bytes, size_t one, size_t n, void *context) {
    (void)context;
    n *= one;
    if (n > fetch.settings.body_max - fetch.bytes) {
        fetch.too_large = true;
        return 0;
    }
    memcpy(fetch.settings.body + fetch.bytes, bytes, n);
    fetch.bytes += n;
    return n;
}

int fetch_open(const struct fetch_settings *settings, char *why, uint32_t why_bytes) {
    const char *url = settings->url;
    fetch.settings = *settings;
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
        snprintf(why, why_bytes, "--url is http://HOST[:PORT]/PATH, or https, not %.80s", url);
        return -1;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(fetch.multi = curl_multi_init()) ||
        !(fetch.easy = curl_easy_init())) {
        snprintf(why, why_bytes, "libcurl does not start");
        return -1;
    }
    static char accept_json[] = "Accept: application/json";
    static struct curl_slist accept = {.data = accept_json};
    CURL *easy = fetch.easy;
    CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, &accept);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "nom-priced");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(settings->connect_us / 1000));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(settings->total_us / 1000));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch.error);
    if (code != CURLE_OK) {
        snprintf(why, why_bytes, "--url %.80s: %s", url, curl_easy_strerror(code));
        return -1;
    }
    return 0;
}

void fetch_begin(void) {
    fetch.bytes = 0;
    fetch.too_large = false;
    fetch.error[0] = '\0';
    fetch.open = true;
    curl_multi_add_handle(fetch.multi, fetch.easy);
}

static enum priced_failure kind(CURLcode code) {
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return PRICED_LATE;
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: whatever is no HTTP */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return PRICED_NONSENSE;
    default:
        return PRICED_UNREACHED;
    }
}

static enum fetch_state result(CURLcode code, size_t *bytes, struct priced_trouble *t) {
    long status = 0;
    curl_easy_getinfo(fetch.easy, CURLINFO_RESPONSE_CODE, &status);
    if (fetch.too_large)
        priced_trouble(t, PRICED_TOO_LARGE, "a body of more than %zu bytes",
                       fetch.settings.body_max);
    else if (code != CURLE_OK)
        priced_trouble(t, kind(code), "the provider: %s",
                       fetch.error[0] ? fetch.error : curl_easy_strerror(code));
    else if (status != 200)
        priced_trouble(t, PRICED_STATUS, "the provider answers status %ld", status);
    else
        *bytes = fetch.bytes;
    return !fetch.too_large && code == CURLE_OK && status == 200 ? FETCH_DONE : FETCH_FAILED;
}

enum fetch_state fetch_poll(size_t *bytes, struct priced_trouble *t) {
    int running, left;
    CURLMsg *message;
    if (!fetch.open)
        return FETCH_PENDING;
    curl_multi_perform(fetch.multi, &running);
    while ((message = curl_multi_info_read(fetch.multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        enum fetch_state state = result(message->data.result, bytes, t);
        curl_multi_remove_handle(fetch.multi, fetch.easy);
        fetch.open = false;
        return state;
    }
    return FETCH_PENDING;
}

bool fetch_wait(uint32_t most_us) {
    if (fetch.open)
        curl_multi_poll(fetch.multi, NULL, 0,
                        (int)((most_us < WAIT_MOST_US ? most_us : WAIT_MOST_US) / 1000), NULL);
    return fetch.open;
}
