/* A time that comes, once or again and again: what timerfd and setitimer stand on. */
#ifndef POSIX_ALARM_H
#define POSIX_ALARM_H

#include "runtime/posix/posix.h"

struct posix_alarm {
    struct posix_timer timer;
    uint64_t interval_ns;                /* 0: it comes once */
    uint64_t rings;                      /* since whoever owns it last set this to 0 */
    void (*rang)(struct posix_alarm *a); /* rings has grown; set by the owner */
};

/* In so many nanoseconds and then each interval_ns. The rings begin anew. */
void posix_alarm_set(struct posix_alarm *a, uint64_t in_ns, uint64_t interval_ns);
void posix_alarm_clear(struct posix_alarm *a);
/* Until it comes next: 0, it does not. */
uint64_t posix_alarm_left_ns(const struct posix_alarm *a);

#endif
