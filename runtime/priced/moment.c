/* Moments of the proleptic Gregorian calendar, without leap seconds. */
#include "runtime/priced/trace.h"

/* n digits at *at, as a number; -1 where they are none. Moves *at behind them. */
static int digits(const char **at, int n) {
    int value = 0;
    for (; n > 0; n--, (*at)++) {
        if (**at < '0' || **at > '9')
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static int separated(const char **at, char separator, int n) {
    if (**at != separator)
        return -1;
    (*at)++;
    return digits(at, n);
}

/* Days since 1970-01-01. A year is taken to begin in March, so that a leap day ends it. */
static long days(int year, int month, int day) {
    if (month <= 2)
        year--;
    long era = year / 400, of_era = year % 400;
    long of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "Z", "+01:30", or nothing: seconds to take off. */
static int offset(const char **at, int *seconds) {
    *seconds = 0;
    if (**at == 'Z') {
        (*at)++;
    } else if (**at == '+' || **at == '-') {
        int sign = *(*at)++ == '-' ? -1 : 1, hours = digits(at, 2), minutes;
        if (hours < 0)
            return -1;
        if (**at == ':')
            (*at)++;
        minutes = digits(at, 2);
        if (hours > 23 || minutes < 0 || minutes > 59)
            return -1;
        *seconds = sign * (hours * 3600 + minutes * 60);
    }
    return **at == '\0' ? 0 : -1;
}

int priced_moment(const char *text, double *seconds) {
    const char *at = text;
    double fraction = 0;
    int off, year = digits(&at, 4), month = year < 0 ? -1 : separated(&at, '-', 2);
    int day = month < 0 ? -1 : separated(&at, '-', 2);
    if (day < 1 || day > 31 || month < 1 || month > 12 || (*at != 'T' && *at != ' '))
        return -1;
    at++;
    int hour = digits(&at, 2), minute = hour < 0 ? -1 : separated(&at, ':', 2);
    int second = minute < 0 ? -1 : separated(&at, ':', 2);
    if (second < 0 || hour > 23 || minute > 59 || second > 60)
        return -1;
    if (*at == '.') {
        double weight = 0.1;
        if (*++at < '0' || *at > '9')
            return -1;
        for (; *at >= '0' && *at <= '9'; at++, weight /= 10)
            fraction += weight * (*at - '0');
    }
    if (offset(&at, &off) != 0)
        return -1;
    *seconds = (double)days(year, month, day) * 86400.0 + hour * 3600.0 + minute * 60.0 + second -
               off + fraction;
    return 0;
}
