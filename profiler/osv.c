/*
 * The OSv guest: not yet.
 */
#include "profiler/internal.h"

int profiler_osv_find(const struct profiler_paths *paths, char guest_kernel[TRIAL_TEXT_BYTES],
                      char *detail, size_t detail_bytes) {
    (void)paths;
    guest_kernel[0] = '\0';
    return profiler_fail(detail, detail_bytes, "not yet");
}

int profiler_osv_compose(const struct profiler_paths *paths, const struct trial_settings *s,
                         struct profiler_guest *guest, char *why, size_t why_bytes) {
    (void)paths;
    (void)s;
    (void)guest;
    return profiler_fail(why, why_bytes, "not yet");
}
