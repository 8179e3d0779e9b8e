/* A virtio-rng device and its one queue: told to write random bytes somewhere, it does, and raises
 * the interrupt that the queue was given. */
#ifndef TESTS_GUEST_HOSTILE_RING_H
#define TESTS_GUEST_HOSTILE_RING_H

#include "hostile.h"
#include "runtime/net/virtnet_pci.h"

#define RING_BYTES 64u /* that it is asked for */

struct ring {
    struct virtnet_pci pci;
    volatile uint16_t *bell;
    uint8_t *page;    /* the queue, and a place to write to: ring_buffer */
    uint64_t address; /* of the page, as the device sees it */
    bool taken;
};

/* Whether the device is one, by its configuration space. */
bool ring_fits(const struct nom_device *device);
/* Acquires such a device that nobody has, if there is one. */
bool ring_take(struct nom_device *device);
/* Takes the memory that it needs. */
bool ring_prepare(struct ring *ring);
/* Whether the device, which was acquired, starts, with this entry of its MSI-X table for the queue.
 */
bool ring_start(struct ring *ring, const struct nom_device *device, uint16_t entry);
/* RING_BYTES are to be written there: an address as the device sees it. */
void ring_ask(struct ring *ring, uint64_t address);
/* How often the device has answered since it was started. */
uint16_t ring_answers(const struct ring *ring);
/* Where it may write, as the app and as the device sees it, with RING_BYTES behind it that it may
 * not. */
uint8_t *ring_buffer(const struct ring *ring);
uint64_t ring_buffer_address(const struct ring *ring);

#endif
