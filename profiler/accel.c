/*
 * Which accelerator to use. That /dev/kvm opens proves nothing: on some hosts it interprets ring 0.
 * So the kernel's own self-check is booted under each, and times both rings itself.
 *
 * The data path of an app never enters ring 0. So what decides is ring 3: KVM of either kind where
 * it is native, otherwise TCG.
 */
#include "profiler/internal.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SELF_CHECK      "selfcheck"
#define CHECK_SECONDS   15.0
/* Of one dec/jnz iteration. Native is under 1 ns; interpreted, hundreds. */
#define RING0_NATIVE_NS 50.0
#define RING3_NATIVE_NS 5.0

static const char *kind_name(enum profiler_accel_kind kind) {
    switch (kind) {
    case PROFILER_ACCEL_KVM:
        return "both rings run natively";
    case PROFILER_ACCEL_KVM_RING3:
        return "ring 3 runs natively, ring 0 is interpreted";
    case PROFILER_ACCEL_TCG:
        return "all code is translated";
    case PROFILER_ACCEL_SLOW:
        return "ring 3 does not run natively";
    case PROFILER_ACCEL_ABSENT:
        break;
    }
    return "does not run here";
}

static enum profiler_accel_kind classify(const struct profiler_accel_check *check) {
    if (strcmp(check->name, "tcg") == 0)
        return PROFILER_ACCEL_TCG;
    if (check->ring3_ns >= RING3_NATIVE_NS)
        return PROFILER_ACCEL_SLOW;
    return check->ring0_ns > RING0_NATIVE_NS ? PROFILER_ACCEL_KVM_RING3 : PROFILER_ACCEL_KVM;
}

/* Finds "key=number" in one line of the self-check. */
static bool number(const char *line, const char *key, double *value) {
    size_t n = strlen(key);

    for (const char *at = line; *at && *at != '\n'; at++)
        if (strncmp(at, key, n) == 0 && (at == line || at[-1] == ' '))
            return sscanf(at + n, "%lf", value) == 1;
    return false;
}

bool profiler_accel_parse(const char *line, struct profiler_accel_check *check) {
    double ring0_ps, ring3_ps;

    if (!number(line, "ring0_ps=", &ring0_ps) || !number(line, "ring3_ps=", &ring3_ps) ||
        !(ring0_ps > 0) || !(ring3_ps > 0))
        return false;
    check->ring0_ns = ring0_ps / 1000;
    check->ring3_ns = ring3_ps / 1000;
    check->kind = classify(check);
    return true;
}

int profiler_accel_check(const struct profiler_paths *paths, const char *accel,
                         struct profiler_accel_check *out, char *why, size_t why_bytes) {
    struct target target = {.serial_fd = -1, .home_netns = -1};
    struct profiler_guest guest = {.fd = -1, .append = SELF_CHECK};
    struct profiler_qemu qemu = {
        .guest = &guest, .accel = accel, .vcpus = 1, .memory_mib = 128, .core = -1};
    char path[512], reason[200];

    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "%s", accel);
    if (strcmp(accel, "kvm") != 0 && strcmp(accel, "tcg") != 0)
        return profiler_fail(why, why_bytes, "no such accelerator: %s (kvm or tcg)", accel);
    if (profiler_qemu_find(path, sizeof path, why, why_bytes) != 0)
        return -1;
    if (access(paths->kernel, R_OK) != 0)
        return profiler_fail(why, why_bytes, "no nom kernel at %s: %s", paths->kernel,
                             strerror(errno));
    if (strcmp(accel, "kvm") == 0) {
        int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            snprintf(out->detail, sizeof out->detail, "/dev/kvm cannot be opened: %s",
                     strerror(errno));
            return 0;
        }
        close(fd);
    }
    snprintf(guest.kernel, sizeof guest.kernel, "%s", paths->kernel);
    snprintf(guest.initrd, sizeof guest.initrd, "%s", paths->check_initrd);
    double begun_s = profiler_now_s();
    bool booted = profiler_guest_boot(&target, &qemu, reason, sizeof reason) == 0 &&
                  profiler_target_wait(&target, SELF_CHECK ":", 1, CHECK_SECONDS, NULL, reason,
                                       sizeof reason) == 0;
    out->boot_ms = (profiler_now_s() - begun_s) * 1000;
    if (!booted)
        snprintf(out->detail, sizeof out->detail, "the nom kernel does not boot: %s", reason);
    else if (!profiler_accel_parse(profiler_serial_find(target.serial_log, SELF_CHECK ":"), out))
        snprintf(out->detail, sizeof out->detail, "the self-check's line makes no sense");
    else
        snprintf(out->detail, sizeof out->detail,
                 "%s (%.2f ns a loop in ring 0, %.2f ns in ring 3), boots in %.0f ms",
                 kind_name(out->kind), out->ring0_ns, out->ring3_ns, out->boot_ms);
    target_stop(&target);
    return 0;
}

int profiler_accel_choose(const struct profiler_paths *paths, const char *wanted,
                          char chosen[TRIAL_NAME_BYTES], char *reason, size_t reason_bytes,
                          char *why, size_t why_bytes) {
    struct profiler_accel_check kvm, tcg;

    if (strcmp(wanted, "auto") != 0) {
        if (profiler_accel_check(paths, wanted, &kvm, why, why_bytes) != 0)
            return -1;
        if (kvm.kind == PROFILER_ACCEL_ABSENT)
            return profiler_fail(why, why_bytes, "%s cannot be used: %s", wanted, kvm.detail);
        snprintf(chosen, TRIAL_NAME_BYTES, "%s", wanted);
        snprintf(reason, reason_bytes, "%s as asked: %s", wanted, kvm.detail);
        return 0;
    }
    if (profiler_accel_check(paths, "kvm", &kvm, why, why_bytes) != 0 ||
        profiler_accel_check(paths, "tcg", &tcg, why, why_bytes) != 0)
        return -1;
    bool native = kvm.kind == PROFILER_ACCEL_KVM || kvm.kind == PROFILER_ACCEL_KVM_RING3;
    if (native) {
        snprintf(chosen, TRIAL_NAME_BYTES, "kvm");
        snprintf(reason, reason_bytes,
                 "kvm: %s, where apps do all their work (%.2f ns a loop; ring 0 %.2f ns, tcg %.2f "
                 "ns)",
                 kind_name(kvm.kind), kvm.ring3_ns, kvm.ring0_ns, tcg.ring3_ns);
        return 0;
    }
    if (tcg.kind == PROFILER_ACCEL_ABSENT)
        return profiler_fail(why, why_bytes, "neither accelerator works; kvm: %s; tcg: %s",
                             kvm.detail, tcg.detail);
    snprintf(chosen, TRIAL_NAME_BYTES, "tcg");
    snprintf(reason, reason_bytes, "tcg: %.2f ns a loop in ring 3; kvm: %s", tcg.ring3_ns,
             kvm.detail);
    return 0;
}
