/*
 * The little the kernel does with virtio devices, through their configuration-access capability
 * (virtio 1.x, 4.1.4.9): no BAR need be placed or mapped for it, nor decoding be on. Devices
 * without it (legacy ones) are left alone.
 */
#ifndef NK_VIRTIO_H
#define NK_VIRTIO_H

#include "machine.h"

#define NK_VIRTIO_VENDOR 0x1af4u

/* Capacity of a virtio disk in bytes, 0 if it is none or does not tell. */
uint64_t nk_virtio_disk_bytes(uint16_t bdf);

/* The device forgets its queues and stops. */
void nk_virtio_reset(uint16_t bdf);

#endif
