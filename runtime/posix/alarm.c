/* Intervals are counted from the first time on, so that lateness does not add up. */
#include "runtime/posix/alarm.h"
#include "runtime/platform/platform.h"
#include "runtime/posix/clock.h"

/* What is due is looked at each turn; a shorter interval only counts. */
static void due(struct posix_timer *t) {
    struct posix_alarm *a = (struct posix_alarm *)t;
    uint64_t late_ns = plat_tsc_to_ns(plat_now_tsc() - t->due_tsc);
    a->rings++;
    if (a->interval_ns > 0) {
        a->rings += late_ns / a->interval_ns;
        posix_timer_set(t, posix_tsc_after_ns(a->interval_ns - late_ns % a->interval_ns));
    }
    a->rang(a);
}

void posix_alarm_set(struct posix_alarm *a, uint64_t in_ns, uint64_t interval_ns) {
    a->interval_ns = interval_ns;
    a->rings = 0;
    a->timer.notify = due;
    posix_timer_set(&a->timer, posix_tsc_after_ns(in_ns));
}

void posix_alarm_clear(struct posix_alarm *a) {
    posix_timer_clear(&a->timer);
    a->interval_ns = 0;
    a->rings = 0;
}

uint64_t posix_alarm_left_ns(const struct posix_alarm *a) {
    uint64_t now_tsc = plat_now_tsc();
    if (!a->timer.set)
        return 0;
    return a->timer.due_tsc > now_tsc ? plat_tsc_to_ns(a->timer.due_tsc - now_tsc) : 1;
}
