/*
 * Devices that come and go while the machine runs (spec K12): the slots of PCI Express ports, by
 * their own interrupts. QEMU signals there, and not through ACPI, if it is told
 * `-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off`.
 *
 * States of a port:
 *   empty --something is plugged, the link is up: power, functions listed--> full
 *   full --attention button--> leaving: its resources NOM_RESOURCE_LEAVING
 *   leaving --no app owns any of them: power off, NOM_RESOURCE_GONE--> empty
 *   leaving --NK_LEAVE_MS later, or the button again: taken from their owners--> empty
 *   full, leaving --pulled out: taken, NOM_RESOURCE_GONE--> empty
 */
#ifndef NK_HOTPLUG_H
#define NK_HOTPLUG_H

#include "machine.h"

/* Watches every port that can be plugged into. After nk_device_start and interrupts. */
void nk_hotplug_start(void);

/* The owner of a device that is leaving has released it. */
void nk_hotplug_left(uint16_t bdf);

/* When nk_hotplug_due wants to be called, in TSC ticks; 0: not at all. Calling it late or early
 * does no harm. */
uint64_t nk_hotplug_next_tsc(void);
void nk_hotplug_due(void);

#endif
