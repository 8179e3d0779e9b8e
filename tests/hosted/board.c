/*
 * The price page of the hosted floor, as an app of it:
 *   --board FILE -- publish PRICE [SECONDS]   owns the page, publishes, stays so long
 *   --board FILE -- follow COUNT              says what is on the page, at once and at each of
 * COUNT changes; a wait that a change does not end is a failure
 */
#include "runtime/lib/prices.h"
#include "runtime/platform/platform.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_US 20000000u

static int publish(double price_usd, unsigned seconds) {
    struct nom_prices *page = plat_prices_own();
    struct nom_price price = {.use_id = NOM_USE_GBIT_OUT_PER_S,
                              .flags = NOM_PRICE_KNOWN,
                              .price_usd = price_usd,
                              .fetched_tsc = plat_now_tsc()};
    if (!page) {
        plat_log("the page is another's");
        return 3;
    }
    if (page != plat_prices_own() || prices_publish(page, &price, 1, "test", plat_now_tsc()) != 0)
        return 1;
    plat_prices_notify();
    plat_log("published %g", price_usd);
    sleep(seconds);
    return 0;
}

static int follow(unsigned count) {
    const struct nom_prices *page = plat_prices();
    struct prices_view view = {0};
    for (;;) {
        if (prices_read(page, &view) == 0)
            plat_log("generation %u: %g of %s", (unsigned)view.generation, view.price[0].price_usd,
                     view.source);
        else
            plat_log("nothing");
        if (count-- == 0)
            return 0;
        uint64_t start_us = plat_now_us();
        while (prices_generation(page) == view.generation) {
            plat_wait(WAIT_US);
            if (plat_now_us() - start_us >= WAIT_US)
                return 1;
        }
    }
}

int plat_main(int argc, char **argv) {
    if (argc >= 3 && strcmp(argv[1], "publish") == 0)
        return publish(atof(argv[2]), argc > 3 ? (unsigned)atoi(argv[3]) : 0);
    if (argc == 3 && strcmp(argv[1], "follow") == 0)
        return follow((unsigned)atoi(argv[2]));
    return 2;
}
