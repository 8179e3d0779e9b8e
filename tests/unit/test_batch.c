/*
 * The batching delay's decisions, on a fake clock. The property test drives random arrivals, poll
 * gaps and changes of W, keeps its own record of every frame's age, and holds batch to its
 * invariant: no frame waits longer than W plus one gap between polls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/net/batch.h"
#include "tests/unit/seeded.h"
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define RX_LIMIT 48u
#define TX_LIMIT 40u
#define RING     64u

static struct batch batch_of(uint64_t delay_tsc, enum nom_kick kick) {
    struct batch b;
    batch_init(&b, RX_LIMIT, TX_LIMIT);
    batch_set(&b, delay_tsc, kick);
    return b;
}

static void natural_hands_over_all(void **state) {
    (void)state;
    struct batch b = batch_of(0, NOM_KICK_NATURAL);
    assert_int_equal(batch_rx(&b, 100, 0, false), 0);
    assert_int_equal(batch_rx(&b, 200, 7, false), 7);
    batch_rx_done(&b, 203, 7);
    assert_int_equal(b.rx_batches, 1);
    assert_int_equal(b.rx_hold_max_tsc, 3);
    assert_int_equal(b.poll_gap_max_tsc, 100);
    assert_int_equal(batch_rx(&b, 300, 0, false), 0);
}

static void strict_hands_over_one(void **state) {
    (void)state;
    struct batch b = batch_of(0, NOM_KICK_STRICT);
    for (uint32_t left = 5; left > 0; left--) {
        assert_int_equal(batch_rx(&b, 1000 - left, left, false), 1);
        batch_rx_done(&b, 1000 - left, 1);
        batch_tx_placed(&b, 1000 - left);
        assert_true(batch_tx(&b, 1000 - left, true, false));
        batch_tx_done(&b, 1000 - left);
    }
    assert_int_equal(batch_rx(&b, 1000, 0, false), 0);
    assert_int_equal(b.rx_batches, 5);
    assert_int_equal(b.tx_batches, 5);
    assert_int_equal(b.rx_hold_max_tsc, 4); /* the fifth waited for four before it */
}

static void strict_age_does_not_grow_without_end(void **state) {
    (void)state;
    struct batch b = batch_of(0, NOM_KICK_STRICT);
    /* Always 8 ready: one taken, one arrives. Each frame waits 8 polls of 10. */
    for (uint64_t now = 10; now < 10000; now += 10) {
        assert_int_equal(batch_rx(&b, now, 8, false), 1);
        batch_rx_done(&b, now, 1);
    }
    assert_in_range(b.rx_hold_max_tsc, 80 - 10, 160);
}

static void answers_leave_at_the_next_poll(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    b.answers_later = true;
    assert_false(batch_answered(&b));
    assert_int_equal(batch_rx(&b, 10000, 2, false), 0);
    assert_int_equal(batch_rx(&b, 11000, 2, false), 2);
    batch_rx_done(&b, 11000, 2);
    batch_tx_placed(&b, 11000);
    assert_false(batch_tx(&b, 11000, true, false)); /* the hand-over's end: more may come */
    batch_tx_placed(&b, 11500);
    assert_true(batch_tx(&b, 11500, false, true)); /* but for want of room */
    assert_true(batch_answered(&b));
    batch_tx_done(&b, 11600);
    assert_int_equal(b.tx_hold_max_tsc, 600);
    /* What is no answer waits for itself. */
    assert_int_equal(batch_rx(&b, 11600, 0, false), 0);
    batch_tx_placed(&b, 12000);
    assert_false(batch_answered(&b));
    assert_false(batch_tx(&b, 12999, false, false));
    assert_true(batch_tx(&b, 13000, false, false));
}

static void answers_of_natural_wait_for_each_other(void **state) {
    (void)state;
    struct batch b = batch_of(0, NOM_KICK_NATURAL);
    b.answers_later = true;
    assert_int_equal(batch_rx(&b, 100, 3, false), 3);
    batch_rx_done(&b, 100, 3);
    for (uint32_t i = 0; i < TX_LIMIT; i++) {
        assert_false(batch_tx(&b, 100, true, false));
        batch_tx_placed(&b, 100);
    }
    assert_true(batch_tx(&b, 100, false, false)); /* so many are enough */
    batch_tx_done(&b, 100);
    assert_false(batch_answered(&b)); /* all has left */
}

static void waits_for_the_oldest(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    assert_int_equal(batch_rx(&b, 10000, 1, false), 0);
    assert_int_equal(batch_rx(&b, 10500, 4, false), 0);
    assert_int_equal(batch_rx(&b, 10999, 4, false), 0);
    assert_int_equal(batch_rx(&b, 11000, 5, false), 5);
    batch_rx_done(&b, 11000, 5);
    assert_int_equal(b.rx_hold_max_tsc, 1000);
    /* The next one starts its own wait. */
    assert_int_equal(batch_rx(&b, 11001, 1, false), 0);
    assert_int_equal(batch_rx(&b, 12001, 1, false), 1);
}

static void rest_keeps_its_age(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    assert_int_equal(batch_rx(&b, 10000, 2, false), 0);
    assert_int_equal(batch_rx(&b, 10400, 5, false), 0);
    assert_int_equal(batch_rx(&b, 11000, 5, false), 5);
    batch_rx_done(&b, 11000, 3); /* one of the newer group went, too */
    assert_int_equal(batch_rx(&b, 11399, 2, false), 0);
    assert_int_equal(batch_rx(&b, 11400, 2, false), 2);
    /* Frames that the NIC dropped after all are forgotten from the oldest on. */
    assert_int_equal(batch_rx(&b, 11401, 0, false), 0);
    assert_int_equal(batch_rx(&b, 11500, 1, false), 0);
}

static void full_or_nothing_to_wait_for(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    assert_int_equal(batch_rx(&b, 10000, RX_LIMIT - 1, false), 0);
    assert_int_equal(batch_rx(&b, 10001, RX_LIMIT, false), RX_LIMIT);
    batch_rx_done(&b, 10001, RX_LIMIT);
    assert_int_equal(batch_rx(&b, 10002, 1, false), 0);
    assert_int_equal(batch_rx(&b, 10003, 1, true), 1);
    batch_rx_done(&b, 10003, 1);
    assert_int_equal(batch_rx(&b, 10004, 0, true), 0);
}

static void transmit(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    assert_false(batch_tx(&b, 5000, true, true)); /* nothing placed */
    batch_tx_placed(&b, 5000);
    batch_tx_placed(&b, 5800);
    assert_false(batch_tx(&b, 5999, false, false));
    assert_true(batch_tx(&b, 6000, false, false)); /* the oldest is due */
    assert_true(batch_tx(&b, 5801, true, false));  /* its request has waited already */
    assert_true(batch_tx(&b, 5801, false, true));  /* the ring is nearly full */
    batch_tx_done(&b, 6000);
    assert_int_equal(b.tx_hold_max_tsc, 1000);
    assert_int_equal(b.tx_batches, 1);
    batch_tx_done(&b, 7000); /* an empty kick is no batch */
    assert_int_equal(b.tx_batches, 1);
    for (uint32_t i = 0; i < TX_LIMIT; i++) {
        assert_false(batch_tx(&b, 8000, false, false));
        batch_tx_placed(&b, 8000);
    }
    assert_true(batch_tx(&b, 8000, false, false));
    batch_tx_done(&b, 8000);
    batch_set(&b, 0, NOM_KICK_NATURAL);
    batch_tx_placed(&b, 9000);
    assert_true(batch_tx(&b, 9000, false, false)); /* W = 0 holds nothing */
}

static void change_acts_on_what_is_held(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    batch_tx_placed(&b, 10000);
    assert_int_equal(batch_rx(&b, 10000, 3, false), 0);
    batch_set(&b, 200, NOM_KICK_NATURAL);
    assert_int_equal(batch_rx(&b, 10100, 3, false), 0);
    assert_int_equal(batch_rx(&b, 10200, 3, false), 3);
    assert_true(batch_tx(&b, 10200, false, false));
    batch_set(&b, 5000, NOM_KICK_NATURAL);
    assert_int_equal(batch_rx(&b, 14999, 3, false), 0);
    assert_int_equal(batch_rx(&b, 15000, 3, false), 3);
    batch_rx_done(&b, 15000, 3);
    assert_int_equal(b.rx_hold_max_tsc, 5000);
    batch_set(&b, 5000, NOM_KICK_NATURAL);
    assert_int_equal(b.rx_hold_max_tsc, 0); /* maxima start anew */
}

static void backward_clock_hands_over(void **state) {
    (void)state;
    struct batch b = batch_of(1000, NOM_KICK_NATURAL);
    batch_tx_placed(&b, 10000);
    assert_int_equal(batch_rx(&b, 10000, 1, false), 0);
    assert_int_equal(batch_rx(&b, 9000, 1, false), 1);
    assert_true(batch_tx(&b, 9000, false, false));
}

/* ---- property ---- */

static struct seeded source;

static uint64_t draw(uint64_t below) {
    return seeded_below(&source, below);
}

struct model {
    uint64_t rx_born[RING], tx_born[RING]; /* first seen, placed; oldest first */
    uint32_t rx, tx;
    uint64_t arrived, handed, placed, kicked;
};

static void drop_first(uint64_t *born, uint32_t *count, uint32_t n) {
    memmove(born, born + n, (*count - n) * sizeof *born);
    *count -= n;
}

static void run(uint64_t seed, bool may_be_strict) {
    struct model m = {0};
    uint64_t now = 1000, delay = 0, bound, measured_bound;
    bool strict = false, queued = false;
    source.state = seed;
    delay = bound = measured_bound = draw(300);
    struct batch b = batch_of(delay, NOM_KICK_NATURAL);
    uint64_t gap_rate = 1 + draw(60), arrival_rate = 2 + draw(11);
    for (uint32_t step = 0; step < 4000; step++) {
        uint64_t gap = 1 + draw(gap_rate);
        now += gap;
        for (uint64_t n = draw(arrival_rate); n > 0 && m.rx < RING; n--) {
            m.rx_born[m.rx++] = now;
            m.arrived++;
        }
        bool quiet = draw(50) == 0;
        uint32_t n = batch_rx(&b, now, m.rx, quiet);
        assert_true(n <= m.rx);
        if (strict) {
            assert_int_equal(n, m.rx > 0);
        } else {
            assert_true(n == 0 || n == m.rx);
            if (m.rx >= RX_LIMIT || quiet) {
                assert_int_equal(n, m.rx);
            }
            for (uint32_t i = 0; i < m.rx && n == 0; i++) {
                assert_true(now - m.rx_born[i] < bound); /* rightly held */
            }
            for (uint32_t i = 0; i < n; i++) {
                assert_true(now - m.rx_born[i] <= bound + gap);
            }
        }
        if (n > 0) {
            batch_rx_done(&b, now, n);
            m.handed += n;
            drop_first(m.rx_born, &m.rx, n);
        }
        /* Each frame handed over makes at most one reply; timers make a frame now and then. */
        uint32_t replies = n == 0 ? draw(20) == 0 : (uint32_t)draw(n + 1);
        for (uint32_t i = 0; i < replies && m.tx < RING; i++) {
            batch_tx_placed(&b, now);
            m.tx_born[m.tx++] = now;
            m.placed++;
        }
        bool full = m.tx > RING - 8;
        if (batch_tx(&b, now, n > 0, full)) {
            assert_true(m.tx > 0);
            for (uint32_t i = 0; i < m.tx; i++) {
                assert_true(now - m.tx_born[i] <= bound + gap);
            }
            batch_tx_done(&b, now);
            m.kicked += m.tx;
            m.tx = 0;
        } else {
            assert_true(m.tx < TX_LIMIT && !full && (n == 0 || m.tx == 0));
            for (uint32_t i = 0; i < m.tx; i++) {
                assert_true(now - m.tx_born[i] < bound);
            }
        }
        assert_int_equal(b.tx_held, m.tx);
        assert_int_equal(b.rx_oldest + b.rx_newer, m.rx);
        assert_true(b.tx_hold_max_tsc <= measured_bound + b.poll_gap_max_tsc);
        if (!strict) {
            if (!queued) {
                assert_true(b.rx_hold_max_tsc <= measured_bound + b.poll_gap_max_tsc);
            }
            bound = delay; /* what was held under another W has now been judged by this one */
        }
        if (draw(100) == 0) {
            uint64_t before = delay;
            delay = draw(4) == 0 ? 0 : draw(300);
            bound = delay > before ? delay : before;
            /* A queue behind a strict hand-over is no hold: what waits there starts from here. */
            for (uint32_t i = 0; strict && i < m.rx; i++) {
                bound = bound > now - m.rx_born[i] ? bound : now - m.rx_born[i];
            }
            queued = strict && m.rx > 0;
            measured_bound = bound; /* the maxima start anew */
            strict = may_be_strict && delay == 0 && draw(2) == 0;
            batch_set(&b, delay, strict ? NOM_KICK_STRICT : NOM_KICK_NATURAL);
        }
    }
    assert_int_equal(m.arrived, m.handed + m.rx);
    assert_int_equal(m.placed, m.kicked + m.tx);
    assert_true(m.handed > 0 && m.kicked > 0);
}

static void no_frame_is_held_longer_than_w(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        run(seed * 0x9e3779b97f4a7c15u, false);
        run(seed * 0xbf58476d1ce4e5b9u, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(natural_hands_over_all),
        cmocka_unit_test(strict_hands_over_one),
        cmocka_unit_test(strict_age_does_not_grow_without_end),
        cmocka_unit_test(answers_leave_at_the_next_poll),
        cmocka_unit_test(answers_of_natural_wait_for_each_other),
        cmocka_unit_test(waits_for_the_oldest),
        cmocka_unit_test(rest_keeps_its_age),
        cmocka_unit_test(full_or_nothing_to_wait_for),
        cmocka_unit_test(transmit),
        cmocka_unit_test(change_acts_on_what_is_held),
        cmocka_unit_test(backward_clock_hands_over),
        cmocka_unit_test(no_frame_is_held_longer_than_w),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
