/*
 * nomctl doctor: what of this machine nom can use, and what is missing. Ready means that a profile
 * can run: that there is a floor for --on auto to take.
 */
#include "nomctl/nomctl.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *package, *version_option, *needed_for;
} tools[] = {
    {"qemu-system-x86_64", "qemu-system-x86", "--version", "nom, linux and osv"},
    {"ip", "iproute2", "-V", "hosted and host"},
    {"wrk", "wrk", "-v", "profile --client wrk"},
    {"gnuplot", "gnuplot-nox", "--version", "report"},
    {"nginx", "nginx-light", "-v", "make bench"},
};
#define TOOLS (sizeof tools / sizeof tools[0])

static const char *const accels[] = {"kvm", "tcg"};
#define ACCELS (sizeof accels / sizeof accels[0])

struct tool {
    bool present;
    char path[512], version[160];
};

struct file {
    const char *name;
    const char *path;
    bool present;
};

struct doctor {
    struct tool tools[TOOLS];
    struct profiler_paths paths;
    bool has_paths;
    char paths_why[WHY_BYTES];
    struct file files[3];
    bool checked[ACCELS];
    struct profiler_accel_check checks[ACCELS];
    char check_why[ACCELS][WHY_BYTES];
    struct profiler_floor_check *floors; /* as profiler_floors */
    const struct profiler_floor *recommended;
    char floor_accel[TRIAL_NAME_BYTES], floor_reason[WHY_BYTES];
    bool has_auto;
    char chosen[TRIAL_NAME_BYTES], reason[WHY_BYTES];
    const char *network;
    char network_why[WHY_BYTES];
    char machine[256];
    bool ready;
};

const struct command doctor_command = {
    .name = "doctor",
    .summary = "check floors, accelerators, network and tools",
    .arguments = "",
    .notes = "Boots the kernel's self-check under each accelerator and times ring 0 and ring 3; "
             "tells on which floors an app can run here, and recommends one. Exit code 0 if a "
             "profile can run, 3 if something for it is missing.\n\n"
             "Examples:\n"
             "  nomctl doctor\n"
             "  nomctl doctor --json",
    .has_json = true,
};

/* First line that a tool says of its version, up to its second sentence. */
static void version_of(const char *path, const char *option, char *line, size_t bytes) {
    char command[600];
    snprintf(command, sizeof command, "'%s' %s 2>&1", path, option);
    FILE *from = strchr(path, '\'') ? NULL : popen(command, "r");
    line[0] = '\0';
    if (!from)
        return;
    if (!fgets(line, (int)bytes, from))
        line[0] = '\0';
    pclose(from);
    line[strcspn(line, "\r\n")] = '\0';
    char *rest = strstr(line, " Copyright");
    if (rest)
        *rest = '\0';
}

static void look_for_tools(struct doctor *d) {
    for (size_t i = 0; i < TOOLS; i++) {
        struct tool *t = &d->tools[i];
        t->present = file_find_tool(tools[i].name, t->path, sizeof t->path) == 0;
        if (t->present)
            version_of(t->path, tools[i].version_option, t->version, sizeof t->version);
    }
}

static void look_for_files(struct doctor *d) {
    d->has_paths = profiler_paths("nhttpd", &d->paths, d->paths_why, sizeof d->paths_why) == 0;
    d->files[0] = (struct file){"kernel", d->paths.kernel, false};
    d->files[1] = (struct file){"initrd", d->paths.initrd, false};
    d->files[2] = (struct file){"nhttpd", d->paths.app_elf, false};
    for (size_t i = 0; i < 3; i++)
        d->files[i].present = access(d->files[i].path, R_OK) == 0;
}

static void look_at_accelerators(struct doctor *d) {
    char why[WHY_BYTES];
    for (size_t i = 0; i < ACCELS; i++)
        d->checked[i] = profiler_accel_check(&d->paths, accels[i], &d->checks[i], d->check_why[i],
                                             sizeof d->check_why[i]) == 0;
    d->has_auto = profiler_accel_choose(&d->paths, "auto", d->chosen, d->reason, sizeof d->reason,
                                        why, sizeof why) == 0;
    if (!d->has_auto)
        snprintf(d->reason, sizeof d->reason, "%s", why);
}

/* A guest needs an accelerator that boots one, besides what its floor's check looks for. */
static void look_at_floors(struct doctor *d) {
    char why[WHY_BYTES];
    for (size_t i = 0; i < profiler_floor_count; i++) {
        struct profiler_floor_check *c = &d->floors[i];
        profiler_floor_check(&d->paths, &profiler_floors[i], c);
        if (c->works && profiler_floors[i].guest && !d->has_auto) {
            c->works = false;
            snprintf(c->detail, sizeof c->detail, "%.*s", (int)sizeof c->detail - 1, d->reason);
        }
    }
    if (profiler_floor_choose(&d->paths, "auto", &d->recommended, d->floor_accel, d->floor_reason,
                              sizeof d->floor_reason, why, sizeof why)) {
        d->recommended = NULL;
        snprintf(d->floor_reason, sizeof d->floor_reason, "%s", why);
    }
}

static void look(struct doctor *d) {
    look_for_tools(d);
    look_for_files(d);
    d->network = profiler_network(d->network_why, sizeof d->network_why);
    profiler_machine(d->machine, sizeof d->machine);
    if (!d->has_paths) {
        for (size_t i = 0; i < profiler_floor_count; i++)
            snprintf(d->floors[i].detail, sizeof d->floors[i].detail, "%.*s",
                     (int)sizeof d->floors[i].detail - 1, d->paths_why);
        snprintf(d->floor_reason, sizeof d->floor_reason, "%s", d->paths_why);
        return;
    }
    if (d->tools[0].present)
        look_at_accelerators(d);
    else
        snprintf(d->reason, sizeof d->reason, "no qemu-system-x86_64");
    look_at_floors(d);
    d->ready = d->recommended != NULL;
}

static const char *kind_name(enum profiler_accel_kind kind) {
    switch (kind) {
    case PROFILER_ACCEL_KVM:
        return "native";
    case PROFILER_ACCEL_KVM_RING3:
        return "ring3-native";
    case PROFILER_ACCEL_TCG:
        return "translated";
    case PROFILER_ACCEL_SLOW:
        return "slow";
    case PROFILER_ACCEL_ABSENT:
        break;
    }
    return "absent";
}

static void print_accelerators(const struct doctor *d) {
    puts("\naccelerators");
    for (size_t i = 0; i < ACCELS; i++) {
        const struct profiler_accel_check *c = &d->checks[i];
        if (!d->checked[i])
            printf("  %-20s not checked: %s\n", accels[i],
                   d->check_why[i][0]    ? d->check_why[i]
                   : d->tools[0].present ? "no guest files"
                                         : "no qemu-system-x86_64");
        else
            printf("  %-20s %s%s\n", accels[i],
                   c->kind == PROFILER_ACCEL_ABSENT ? "does not work: " : "", c->detail);
    }
    if (d->has_auto)
        printf("  %-20s takes %s\n", "auto", d->reason);
    else if (d->reason[0])
        printf("  %-20s takes none: %s\n", "auto", d->reason);
}

static void print_floors(const struct doctor *d) {
    puts("\nfloors");
    for (size_t i = 0; i < profiler_floor_count; i++)
        printf("  %-20s %s%s\n", profiler_floors[i].name,
               d->floors[i].works ? "" : "does not work: ", d->floors[i].detail);
    printf("  %-20s takes %s%s\n", "auto", d->recommended ? "" : "none: ", d->floor_reason);
}

static void print(const struct doctor *d) {
    printf("machine\n  %s\n", d->machine);
    print_floors(d);
    print_accelerators(d);
    puts("\nnetwork");
    if (strcmp(d->network, "tap") == 0)
        puts("  tap                  in a network namespace of its own for each trial");
    else
        printf("  user                 QEMU's own, slower; no tap: %s\n", d->network_why);
    puts("\ntools");
    for (size_t i = 0; i < TOOLS; i++)
        if (d->tools[i].present)
            printf("  %-20s %s\n", tools[i].name, d->tools[i].version);
        else
            printf("  %-20s missing, needed for %s: apt-get install %s\n", tools[i].name,
                   tools[i].needed_for, tools[i].package);
    puts("\nguest files");
    for (size_t i = 0; i < 3; i++)
        if (d->files[i].present)
            printf("  %-20s %s\n", d->files[i].name, d->files[i].path);
    if (!d->has_paths)
        printf("  missing: %s\n", d->paths_why);
    printf("\n%s\n", d->ready ? "ready: nomctl profile nhttpd" : "not ready for nomctl profile");
}

static json_t *json_floors(const struct doctor *d) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < profiler_floor_count; i++)
        json_array_append_new(
            array, json_pack("{s:s, s:b, s:s, s:s, s:s}", "name", profiler_floors[i].name, "works",
                             d->floors[i].works, "network", d->floors[i].network, "detail",
                             d->floors[i].detail, "summary", profiler_floors[i].summary));
    return array;
}

static json_t *json_accelerators(const struct doctor *d) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < ACCELS; i++) {
        const struct profiler_accel_check *c = &d->checks[i];
        bool works = d->checked[i] && c->kind != PROFILER_ACCEL_ABSENT;
        json_array_append_new(array,
                              json_pack("{s:s, s:b, s:s, s:o, s:o, s:o, s:s}", "accel", accels[i],
                                        "works", works, "kind", kind_name(c->kind), "ring0_ns",
                                        works ? json_double(c->ring0_ns) : json_null(), "ring3_ns",
                                        works ? json_double(c->ring3_ns) : json_null(), "boot_ms",
                                        works ? json_double(c->boot_ms) : json_null(), "detail",
                                        d->checked[i] ? c->detail : d->check_why[i]));
    }
    return array;
}

static json_t *json_tools(const struct doctor *d) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < TOOLS; i++)
        json_array_append_new(array,
                              json_pack("{s:s, s:b, s:s, s:s, s:s, s:s}", "tool", tools[i].name,
                                        "present", d->tools[i].present, "path",
                                        d->tools[i].present ? d->tools[i].path : "", "version",
                                        d->tools[i].version, "package", tools[i].package,
                                        "needed_for", tools[i].needed_for));
    return array;
}

static json_t *json_files(const struct doctor *d) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < 3; i++)
        json_array_append_new(array, json_pack("{s:s, s:s, s:b}", "file", d->files[i].name, "path",
                                               d->files[i].path, "present", d->files[i].present));
    return array;
}

int doctor_main(int argc, char **argv) {
    static struct doctor d;
    struct common common;
    int code = cli_parse(&doctor_command, argc, argv, NULL, &common);
    if (code != CLI_RUN)
        return code;
    d.floors = calloc(profiler_floor_count, sizeof *d.floors);
    if (!d.floors)
        return out_fail(NOMCTL_FAILED, "out of memory");
    look(&d);
    if (common.json)
        code = json_emit(json_pack(
            "{s:i, s:b, s:s, s:o, s:o, s:s, s:o, s:{s:o, s:s}, s:{s:s, s:s}, s:o, s:o}", "schema",
            NOMCTL_JSON_SCHEMA, "ready", d.ready, "machine", d.machine, "floors", json_floors(&d),
            "recommended", d.recommended ? json_string(d.recommended->name) : json_null(),
            "recommended_reason", d.floor_reason, "accelerators", json_accelerators(&d), "auto",
            "accel", d.has_auto ? json_string(d.chosen) : json_null(), "reason", d.reason,
            "network", "kind", d.network, "detail", d.network_why, "tools", json_tools(&d), "files",
            json_files(&d)));
    else {
        print(&d);
        code = NOMCTL_OK;
    }
    free(d.floors);
    if (code == NOMCTL_OK && !d.ready)
        code = NOMCTL_MISSING;
    return code;
}
