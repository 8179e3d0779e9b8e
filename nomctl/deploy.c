/* nomctl deploy: puts a table into a running app, which goes on serving. */
#include "nomctl/nomctl.h"
#include "runtime/econ/econ.h"
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_TO = 0x7001, KEY_IN, KEY_TIMEOUT };

struct deploy_options {
    const char *file, *to, *in;
    double timeout_s;
};

static const struct argp_option options[] = {
    {"to", KEY_TO, "HOST:PORT", 0, "the app's control port", 0},
    {"in", KEY_IN, "NETNS", 0,
     "network namespace to reach it from: a name (ip netns), a path, or a process id", 0},
    {"timeout", KEY_TIMEOUT, "S", 0, "to connect (default: 5)", 0},
    {0},
};

static int set(void *context, int key, unsigned index, const char *value) {
    struct deploy_options *o = context;
    char why[WHY_BYTES];
    (void)index;
    if (key == ARGP_KEY_ARG)
        o->file = value;
    else if (key == KEY_TO)
        o->to = value;
    else if (key == KEY_IN)
        o->in = value;
    else if (list_number("--timeout", value, 0.01, 3600, &o->timeout_s, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    return NOMCTL_OK;
}

const struct command deploy_command = {
    .name = "deploy",
    .summary = "load a table into a running app, dropping nothing",
    .arguments = "FILE --to HOST:PORT",
    .notes =
        "The control port has no authentication yet: whoever reaches it can change table, price "
        "and delay. It is off unless the app was started with one; nomctl run says where its "
        "is.\n\n"
        "Examples:\n"
        "  nomctl deploy nhttpd.table --to 10.0.0.5:7700\n"
        "  nomctl deploy nhttpd.table --to 10.77.0.2:7700 --in /proc/4711/ns/net",
    .arguments_least = 1,
    .arguments_most = 1,
    .has_json = true,
    .options = options,
    .set = set,
};

static int resolve(const char *to, struct sockaddr_in *address) {
    char host[256];
    const char *colon = strrchr(to, ':');
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    uint64_t port;
    char why[WHY_BYTES];
    if (!colon || colon == to || (size_t)(colon - to) >= sizeof host)
        return out_fail(NOMCTL_USAGE, "--to: '%s' is not HOST:PORT", to);
    snprintf(host, sizeof host, "%.*s", (int)(colon - to), to);
    if (list_integer("--to: port", colon + 1, 1, 65535, &port, why, sizeof why))
        return out_fail(NOMCTL_USAGE, "%s", why);
    int rc = getaddrinfo(host, colon + 1, &hints, &found);
    if (rc != 0)
        return out_fail(NOMCTL_USAGE, "--to: %s: %s", host, gai_strerror(rc));
    memcpy(address, found->ai_addr, sizeof *address);
    freeaddrinfo(found);
    return NOMCTL_OK;
}

static int show(const struct deploy_options *o, const struct table_file *file,
                const struct nom_statistics *s, bool json) {
    if (json)
        return json_emit(json_pack(
            "{s:i, s:s, s:s, s:s, s:I, s:I, s:o}", "schema", NOMCTL_JSON_SCHEMA, "file", o->file,
            "to", o->to, "app", file->header->app, "rows", (json_int_t)file->header->row_count,
            "session", (json_int_t)file->header->session_id, "in_force", json_statistics(s)));
    const char *kick = out_kick(s->delay_us, s->kick);
    printf("%s: %u rows of session %lld are in force at %s\n", file->header->app,
           file->header->row_count, (long long)file->header->session_id, o->to);
    if (s->serving)
        printf("W = %g us%s%s, load estimate %.1f connections, price %g $/Gbit\n", s->delay_us,
               kick[0] ? " " : "", kick, s->load_connections,
               s->price_usd[NOM_USE_GBIT_OUT_PER_S - 1]);
    else
        printf("sending nothing: every row loses at %g $/Gbit\n",
               s->price_usd[NOM_USE_GBIT_OUT_PER_S - 1]);
    return NOMCTL_OK;
}

static int deploy(const struct deploy_options *o, const struct table_file *file, bool json) {
    struct sockaddr_in address;
    struct nom_statistics statistics;
    char why[WHY_BYTES] = "";
    int code = resolve(o->to, &address);
    if (!code && o->in)
        code = netns_enter(o->in);
    if (code)
        return code;
    int fd = control_connect(&address, o->timeout_s, why, sizeof why);
    if (fd < 0)
        return out_fail(NOMCTL_FAILED, "%s: %s", o->to, why);
    if (control_table(fd, file->bytes, file->size, why, sizeof why))
        code = out_fail(NOMCTL_FAILED, "%s: %s", o->to, why);
    else if (control_statistics(fd, &statistics, why, sizeof why))
        code =
            out_fail(NOMCTL_FAILED, "%s: the table was taken, but not confirmed: %s", o->to, why);
    close(fd);
    return code ? code : show(o, file, &statistics, json);
}

int deploy_main(int argc, char **argv) {
    struct deploy_options o = {.timeout_s = 5};
    struct common common;
    struct table_file file;
    int code = cli_parse(&deploy_command, argc, argv, &o, &common);
    if (code != CLI_RUN)
        return code;
    if (!o.to)
        return out_fail(NOMCTL_USAGE, "deploy: missing --to HOST:PORT: the app's control port");
    code = table_file_read(o.file, &file);
    if (code)
        return code;
    code = deploy(&o, &file, common.json);
    free(file.bytes);
    return code;
}
