/* See traffic.h. One table has each setting, whose it is, and its limits. */
#include "nomctl/traffic.h"
#include "nomctl/nomctl.h"
#include <stddef.h>
#include <string.h>

enum {
    KEY_CLIENT = 0xb001,
    KEY_PATH,
    KEY_PROTOCOL,
    KEY_GET_RATIO,
    KEY_KEYS,
    KEY_KEY_SIZE,
    KEY_VALUE_SIZE,
    KEY_PIPELINE,
    KEY_MESSAGE_SIZE,
    KEY_BIDIRECTIONAL,
};

const struct argp_option traffic_argp_options[] = {
    {"client", KEY_CLIENT, "CLIENT", 0,
     "what loads the app: nom (default) or wrk; of memcached nom (default) or memaslap; of netpipe "
     "nptcp",
     0},
    {"path", KEY_PATH, "PATH", 0, "of nhttpd: what is requested (default: /)", 0},
    {"protocol", KEY_PROTOCOL, "PROTOCOL", 0, "of memcached: text (default) or binary", 0},
    {"get-ratio", KEY_GET_RATIO, "R", 0,
     "of memcached: the share of gets, 0 to 1, the rest are sets (default: 0.9)", 0},
    {"keys", KEY_KEYS, "N", 0, "of memcached: how many (default: 10000)", 0},
    {"key-size", KEY_KEY_SIZE, "BYTES", 0, "of memcached: of each key (default: 32)", 0},
    {"value-size", KEY_VALUE_SIZE, "BYTES", 0, "of memcached: of each value (default: 1024)", 0},
    {"pipeline", KEY_PIPELINE, "N", 0,
     "of memcached: requests on their way on each connection (default: 1)", 0},
    {"message-size", KEY_MESSAGE_SIZE, "BYTES", 0, "of netpipe: there and back (default: 1024)", 0},
    {"bidirectional", KEY_BIDIRECTIONAL, 0, 0, "of netpipe: both sides send at once", 0},
    {0},
};

/* Those but for the client, in their order. Of whole numbers: where it is, least and greatest. */
static const struct setting {
    int key;
    const char *option, *protocol; /* how the protocols that have it begin */
    size_t offset;
    uint32_t least, greatest;
} settings[] = {
    {KEY_PATH, "path", "http", 0, 0, 0},
    {KEY_PROTOCOL, "protocol", "memcached-", 0, 0, 0},
    {KEY_GET_RATIO, "get-ratio", "memcached-", 0, 0, 0},
    {KEY_KEYS, "keys", "memcached-", offsetof(struct trial_traffic, keys), 1, LOAD_KEYS_MAX},
    {KEY_KEY_SIZE, "key-size", "memcached-", offsetof(struct trial_traffic, key_bytes), 1,
     LOAD_KEY_BYTES_MAX},
    {KEY_VALUE_SIZE, "value-size", "memcached-", offsetof(struct trial_traffic, value_bytes), 1,
     LOAD_VALUE_BYTES_MAX},
    {KEY_PIPELINE, "pipeline", "memcached-", offsetof(struct trial_traffic, pipeline), 1,
     LOAD_PIPELINE_MAX},
    {KEY_MESSAGE_SIZE, "message-size", "netpipe", offsetof(struct trial_traffic, message_bytes), 1,
     LOAD_MESSAGE_BYTES_MAX},
    {KEY_BIDIRECTIONAL, "bidirectional", "netpipe", 0, 0, 0},
};
#define SETTINGS (sizeof settings / sizeof settings[0])

static uint32_t *number_of(struct trial_traffic *t, const struct setting *s) {
    return (uint32_t *)(void *)((char *)t + s->offset);
}

static int set_path(struct trial_traffic *t, const char *value) {
    if (value[0] != '/' || strlen(value) >= sizeof t->path || strpbrk(value, " \r\n\t"))
        return out_fail(NOMCTL_USAGE, "--path: '%s' is not a path like /index.html", value);
    snprintf(t->path, sizeof t->path, "%s", value);
    return NOMCTL_OK;
}

static int set_protocol(struct trial_traffic *t, const char *value) {
    if (strcmp(value, "text") != 0 && strcmp(value, "binary") != 0)
        return out_fail(NOMCTL_USAGE, "--protocol: '%s' is none of: text, binary", value);
    snprintf(t->protocol, sizeof t->protocol, "memcached-%s", value);
    return NOMCTL_OK;
}

static int set_number(struct trial_traffic *t, const struct setting *s, const char *value) {
    char option[32], why[WHY_BYTES];
    uint64_t n;
    snprintf(option, sizeof option, "--%s", s->option);
    if (list_integer(option, value, s->least, s->greatest, &n, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    *number_of(t, s) = (uint32_t)n;
    return NOMCTL_OK;
}

static int set_client(struct traffic_options *o, const char *value) {
    char list[128] = "";
    for (size_t i = 0; i < profiler_client_count; i++) {
        size_t n = strlen(list);
        snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", profiler_clients[i].name);
    }
    if (!profiler_client_find(value))
        return out_fail(NOMCTL_USAGE, "--client: '%s' is none of: %s", value, list);
    o->client = value;
    return NOMCTL_OK;
}

static int set(struct trial_traffic *t, const struct setting *s, const char *value) {
    char why[WHY_BYTES];
    switch (s->key) {
    case KEY_PATH:
        return set_path(t, value);
    case KEY_PROTOCOL:
        return set_protocol(t, value);
    case KEY_GET_RATIO:
        return list_number("--get-ratio", value, 0, 1, &t->get_ratio, why, sizeof why)
                   ? out_fail(NOMCTL_USAGE, "%s", why)
                   : NOMCTL_OK;
    case KEY_BIDIRECTIONAL:
        t->bidirectional = true;
        return NOMCTL_OK;
    default:
        return set_number(t, s, value);
    }
}

bool traffic_set(struct traffic_options *o, int key, const char *value, int *code) {
    if (key == KEY_CLIENT) {
        *code = set_client(o, value);
        return true;
    }
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].key == key) {
            *code = set(&o->traffic, &settings[i], value);
            o->given |= 1u << i;
            return true;
        }
    return false;
}

/* The client asked for, or the app's own, if it speaks the protocol. An exit code. */
static int client_of(const struct traffic_options *o, const struct profiler_app *app,
                     const char *protocol, const struct profiler_client **client) {
    char list[128] = "";
    *client = profiler_client_find(o->client ? o->client : app->client);
    if (profiler_client_speaks(*client, protocol))
        return NOMCTL_OK;
    for (size_t i = 0; i < profiler_client_count; i++) {
        size_t n = strlen(list);
        if (profiler_client_speaks(&profiler_clients[i], protocol))
            snprintf(list + n, sizeof list - n, "%s%s", n ? " or " : "", profiler_clients[i].name);
    }
    return out_fail(NOMCTL_USAGE, "--client: %s cannot load %s, take %s", o->client, app->name,
                    list);
}

static uint32_t digits_of(uint32_t n) {
    uint32_t digits = 1;
    for (; n >= 10; n /= 10)
        digits++;
    return digits;
}

int traffic_of(const struct traffic_options *o, const struct profiler_app *app,
               struct trial_traffic *traffic, const struct profiler_client **client) {
    *traffic = app->traffic;
    for (size_t i = 0; i < SETTINGS; i++) {
        const struct setting *s = &settings[i];
        if (!(o->given & 1u << i))
            continue;
        if (strncmp(app->traffic.protocol, s->protocol, strlen(s->protocol)) != 0)
            return out_fail(NOMCTL_USAGE, "--%s: the load of %s has no such setting", s->option,
                            app->name);
        if (s->key == KEY_PATH)
            memcpy(traffic->path, o->traffic.path, sizeof traffic->path);
        else if (s->key == KEY_PROTOCOL)
            memcpy(traffic->protocol, o->traffic.protocol, sizeof traffic->protocol);
        else if (s->key == KEY_GET_RATIO)
            traffic->get_ratio = o->traffic.get_ratio;
        else if (s->key == KEY_BIDIRECTIONAL)
            traffic->bidirectional = true;
        else
            *number_of(traffic, s) = *number_of((struct trial_traffic *)&o->traffic, s);
    }
    if (traffic->keys > 0 && traffic->key_bytes < digits_of(traffic->keys - 1))
        return out_fail(NOMCTL_USAGE, "--key-size: %u keys of %u byte%s are not all different",
                        traffic->keys, traffic->key_bytes, traffic->key_bytes == 1 ? "" : "s");
    return client_of(o, app, traffic->protocol, client);
}

int traffic_connections(const struct profiler_app *app, const struct trial_traffic *traffic,
                        uint32_t connections) {
    if (connections > app->connections_max)
        return out_fail(NOMCTL_USAGE, "load: %s is loaded by %u connection%s, not by %u", app->name,
                        app->connections_max, app->connections_max == 1 ? "" : "s", connections);
    if (traffic->keys > 0 && traffic->keys < connections)
        return out_fail(NOMCTL_USAGE,
                        "--keys: %u are fewer than %u connections, of which each has its own",
                        traffic->keys, connections);
    return NOMCTL_OK;
}
