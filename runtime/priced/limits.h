/* Every limit of priced, and the defaults of its settings (docs/prices.md lists them for people).
 */
#ifndef PRICED_LIMITS_H
#define PRICED_LIMITS_H

#define PRICED_TEXT_BYTES     200u       /* a line that says what was wrong; a log line */
#define PRICED_SOURCE_BYTES   64u        /* as on the price page */
#define PRICED_BODY_BYTES     65536u     /* of an answer, unless --body-limit says otherwise */
#define PRICED_BODY_MAX       (4u << 20) /* the most that it may say */
#define PRICED_HEAD_BYTES     8192u      /* of an HTTP reply's head */
#define PRICED_LINE_BYTES     1024u      /* of one line of it */
#define PRICED_PATH_STEPS     16u        /* a.b[0].c has four */
#define PRICED_KEY_BYTES      48u        /* a step's name, and its end */
#define PRICED_URL_BYTES      512u       /* and its end */
#define PRICED_JSON_DEPTH     64         /* nesting; the guest's reader refuses more */
#define PRICED_JSON_ROOM      16u        /* bytes of memory for a byte of JSON */
#define PRICED_TRACE_MAX      1000000u   /* changes of price in one trace */
#define PRICED_CSV_LINE       512u       /* bytes of a line of a CSV trace, and its end */
#define PRICED_CURRENCY_BYTES 4u         /* three letters, and the end */

#define PRICED_POLL_S            60.0
#define PRICED_ASK_LEAST_S       0.01 /* between questions, whatever settings or provider say */
#define PRICED_CONNECT_S         5.0
#define PRICED_TOTAL_S           15.0
#define PRICED_RETRY_S           1.0 /* after the first failure; doubles with each */
#define PRICED_RETRY_MOST_S      60.0
#define PRICED_JITTER            0.1 /* of a wait, up or down */
#define PRICED_LOG_S             60.0
#define PRICED_LEAST_USD         1e-9 /* so that 0 is nonsense, unless --least says otherwise */
#define PRICED_GREATEST_USD      1e4
#define PRICED_FACTOR            100.0 /* from one price to the next */
#define PRICED_CONFIRM           3.0 /* times in a row that a greater change is said before it counts */
#define PRICED_CLOUDSIGMA_NEXT_S 300.0   /* burst levels are applied every 5 minutes */
#define PRICED_SECONDS_MAX       86400.0 /* of any interval in the settings */

#endif
