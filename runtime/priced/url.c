#include "runtime/priced/http.h"
#include "runtime/priced/units.h"
#include <string.h>

int priced_url_parse(const char *text, struct priced_url *out) {
    static const char scheme[] = "http://";
    *out = (struct priced_url){.port = 80, .path = "/"};
    if (strncmp(text, scheme, sizeof scheme - 1) != 0)
        return -1;
    text += sizeof scheme - 1;
    size_t bytes = strcspn(text, ":/?#");
    if (bytes == 0 || bytes >= sizeof out->host)
        return -1;
    memcpy(out->host, text, bytes);
    text += bytes;
    if (*text == ':') {
        uint32_t port = 0;
        for (text++; *text >= '0' && *text <= '9' && port <= 65535; text++)
            port = port * 10 + (uint32_t)(*text - '0');
        if (port == 0 || port > 65535)
            return -1;
        out->port = (uint16_t)port;
    }
    if (*text != '\0' && *text != '/')
        return -1;
    if (strlen(text) >= sizeof out->path)
        return -1;
    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == '#')
            return -1;
    if (*text != '\0')
        strcpy(out->path, text);
    return 0;
}
