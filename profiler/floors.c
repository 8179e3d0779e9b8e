/*
 * What an app can run on: which floors there are, which of them work here, and which one to take
 * where nobody says.
 *
 * The best is our own guest at the processor's speed. Where no accelerator gives that, the same app
 * and stack as a process of this Linux is faster than a translated guest.
 */
#include "profiler/internal.h"
#include <stdio.h>
#include <string.h>

const struct profiler_floor profiler_floors[] = {
    {"nom", "a nom guest: our kernel, the app's own driver and stack", true, true},
    {"hosted", "a process of this Linux, with the app's own stack", false, true},
    {"host", "a process of this Linux, on its sockets", false, false},
    {"linux", "a Linux guest, on its sockets", true, false},
    {"osv", "an OSv guest of yours, on its sockets", true, false},
};
const size_t profiler_floor_count = sizeof profiler_floors / sizeof profiler_floors[0];

const struct profiler_floor *profiler_floor_find(const char *name) {
    for (size_t i = 0; i < profiler_floor_count; i++)
        if (strcmp(profiler_floors[i].name, name) == 0)
            return &profiler_floors[i];
    return NULL;
}

static const char *rights(const struct profiler_probe *probe) {
    return probe->user_namespace ? "in a user namespace" : "as root in a network namespace";
}

/* Why there is no baseline of the app. */
static void lacks_baseline(const struct profiler_paths *paths, struct profiler_floor_check *out) {
    const struct profiler_app *app = paths->app;

    if (app && app->baseline.program)
        snprintf(out->detail, sizeof out->detail,
                 "%s is not in PATH: install it with: apt-get "
                 "install %s",
                 app->baseline.program, app->baseline.package);
    else
        snprintf(out->detail, sizeof out->detail,
                 "the app has no such form here (run make; it would be lib/nom/sockets/APP)");
}

static void check_process(const struct profiler_paths *paths, const struct profiler_floor *floor,
                          struct profiler_floor_check *out) {
    bool hosted = strcmp(floor->name, "hosted") == 0;
    struct profiler_probe veth;
    char path[512];

    snprintf(out->network, sizeof out->network, "veth");
    if (hosted && !paths->hosted[0]) {
        snprintf(out->detail, sizeof out->detail,
                 "the app has no such form here (run make; it would be lib/nom/hosted/APP)");
        return;
    }
    if (!hosted && !paths->sockets[0]) {
        lacks_baseline(paths, out);
        return;
    }
    if (profiler_ip_find(path, sizeof path, out->detail, sizeof out->detail) != 0)
        return;
    profiler_probe("veth", &veth);
    out->works = veth.works && (veth.packet || !hosted);
    if (out->works)
        snprintf(out->detail, sizeof out->detail, "%s%s", rights(&veth),
                 veth.rps ? "" : "; RPS cannot be set");
    else
        snprintf(out->detail, sizeof out->detail, "%s", veth.why);
}

static void check_guest(const struct profiler_paths *paths, const struct profiler_floor *floor,
                        struct profiler_floor_check *out) {
    char path[512], guest_kernel[TRIAL_TEXT_BYTES];
    struct profiler_probe tap;

    profiler_probe("tap", &tap);
    snprintf(out->network, sizeof out->network, "%s", tap.works ? "tap" : "user");
    if (profiler_qemu_find(path, sizeof path, out->detail, sizeof out->detail) != 0)
        return;
    if (strcmp(floor->name, "linux") == 0) {
        if (paths->app && paths->app->baseline.program && !paths->linux_guest[0]) {
            lacks_baseline(paths, out);
            return;
        }
        out->works = profiler_linux_find(paths, guest_kernel, out->detail, sizeof out->detail) == 0;
        return;
    }
    if (strcmp(floor->name, "osv") == 0 && paths->app && paths->app->baseline.program) {
        snprintf(out->detail, sizeof out->detail, "%s has no form for OSv", paths->app->name);
        return;
    }
    if (strcmp(floor->name, "osv") == 0) {
        out->works = profiler_osv_find(paths, guest_kernel, out->detail, sizeof out->detail) == 0;
        return;
    }
    if (paths->app && !paths->app_elf[0]) {
        snprintf(out->detail, sizeof out->detail,
                 "the app has no such form here (run make; it would be lib/nom/%s.elf)",
                 paths->app->name);
        return;
    }
    out->works = true;
    if (tap.works)
        snprintf(out->detail, sizeof out->detail, "%s, on a tap", rights(&tap));
    else
        snprintf(out->detail, sizeof out->detail, "on QEMU's user network, for there is no tap: %s",
                 tap.why);
}

void profiler_floor_check(const struct profiler_paths *paths, const struct profiler_floor *floor,
                          struct profiler_floor_check *out) {
    memset(out, 0, sizeof *out);
    if (floor->guest)
        check_guest(paths, floor, out);
    else
        check_process(paths, floor, out);
}

static bool is_native(const struct profiler_accel_check *kvm) {
    return kvm->kind == PROFILER_ACCEL_KVM || kvm->kind == PROFILER_ACCEL_KVM_RING3;
}

int profiler_floor_choose(const struct profiler_paths *paths, const char *accel_wanted,
                          const struct profiler_floor **chosen, char accel[TRIAL_NAME_BYTES],
                          char *reason, size_t reason_bytes, char *why, size_t why_bytes) {
    const struct profiler_floor *hosted = profiler_floor_find("hosted");
    struct profiler_accel_check kvm;
    struct profiler_floor_check process;
    char no_kvm[256], text[256];

    *chosen = profiler_floor_find("nom");
    if (strcmp(accel_wanted, "auto") != 0)
        return profiler_accel_choose(paths, accel_wanted, accel, reason, reason_bytes, why,
                                     why_bytes);
    if (profiler_accel_check(paths, "kvm", &kvm, no_kvm, sizeof no_kvm) == 0) {
        if (is_native(&kvm)) {
            snprintf(accel, TRIAL_NAME_BYTES, "kvm");
            snprintf(reason, reason_bytes, "nom under kvm: %s", kvm.detail);
            return 0;
        }
        snprintf(no_kvm, sizeof no_kvm, "%s", kvm.detail);
    }
    profiler_floor_check(paths, hosted, &process);
    if (process.works) {
        *chosen = hosted;
        snprintf(accel, TRIAL_NAME_BYTES, "none");
        snprintf(reason, reason_bytes,
                 "hosted (%s), for no accelerator runs nom at speed (kvm: %s)", process.detail,
                 no_kvm);
        return 0;
    }
    if (profiler_accel_choose(paths, "auto", accel, text, sizeof text, why, why_bytes) != 0)
        return -1;
    snprintf(reason, reason_bytes, "nom under %s; and hosted does not work: %s", text,
             process.detail);
    return 0;
}
