/*
 * From a trial's settings to what the client is told.
 */
#include "profiler/internal.h"
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum load_protocol protocol;
} protocols[] = {
    {"http", LOAD_HTTP},
    {"memcached-text", LOAD_MEMCACHED_TEXT},
    {"memcached-binary", LOAD_MEMCACHED_BINARY},
    {"netpipe", LOAD_NETPIPE},
};

const struct profiler_client profiler_clients[] = {
    {"nom", LOAD_CLIENT_NOM, {"http", "memcached-"}, {NULL}, NULL},
    {"wrk", LOAD_CLIENT_WRK, {"http"}, {"wrk"}, "wrk"},
    {"memaslap",
     LOAD_CLIENT_MEMASLAP,
     {"memcached-"},
     {"memaslap", "memcaslap"},
     "libmemcached-tools"},
    {"nptcp", LOAD_CLIENT_NPTCP, {"netpipe"}, {"NPtcp"}, "netpipe-tcp"},
};
const size_t profiler_client_count = sizeof profiler_clients / sizeof profiler_clients[0];

const struct profiler_client *profiler_client_find(const char *name) {
    for (size_t i = 0; i < profiler_client_count; i++)
        if (strcmp(profiler_clients[i].name, name) == 0)
            return &profiler_clients[i];
    return NULL;
}

bool profiler_client_speaks(const struct profiler_client *client, const char *protocol) {
    for (size_t i = 0; i < 2 && client->protocols[i]; i++)
        if (strncmp(protocol, client->protocols[i], strlen(client->protocols[i])) == 0)
            return true;
    return false;
}

int profiler_load_traffic(const struct trial_settings *s, struct load_config *config,
                          enum load_client *client, char *why, size_t why_bytes) {
    const struct trial_traffic *t = &s->traffic;
    const struct profiler_client *found = profiler_client_find(s->client);
    size_t i = 0;

    while (i < sizeof protocols / sizeof *protocols && strcmp(protocols[i].name, t->protocol) != 0)
        i++;
    if (i == sizeof protocols / sizeof *protocols)
        return profiler_fail(why, why_bytes, "no such protocol: %s", t->protocol);
    if (!found)
        return profiler_fail(why, why_bytes, "no such client: %s", s->client);
    if (!profiler_client_speaks(found, t->protocol))
        return profiler_fail(why, why_bytes, "the client %s does not speak %s", s->client,
                             t->protocol);
    *client = found->client;
    config->protocol = protocols[i].protocol;
    snprintf(config->path, sizeof config->path, "%s", t->path);
    config->get_ratio = t->get_ratio;
    config->keys = t->keys;
    config->key_bytes = t->key_bytes;
    config->value_bytes = t->value_bytes;
    config->pipeline = t->pipeline;
    config->message_bytes = t->message_bytes;
    config->bidirectional = t->bidirectional;
    return 0;
}
