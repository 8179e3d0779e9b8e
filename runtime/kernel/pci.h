/*
 * PCI functions through configuration ports 0xcf8 and 0xcfc; buses, which the kernel numbers; BARs,
 * which the kernel places.
 */
#ifndef NK_PCI_H
#define NK_PCI_H

#include "machine.h"
#include "runtime/abi/syscall.h"

#define NK_PCI_ID      0x00u
#define NK_PCI_COMMAND 0x04u
#define NK_PCI_CLASS   0x08u
#define NK_PCI_HEADER  0x0cu
#define NK_PCI_BAR0    0x10u
#define NK_PCI_BUSES   0x18u /* of a bridge: primary, secondary, subordinate */

#define NK_PCI_COMMAND_IO     0x001u
#define NK_PCI_COMMAND_MEMORY 0x002u
#define NK_PCI_COMMAND_MASTER 0x004u
#define NK_PCI_COMMAND_INTX   0x400u /* off */

#define NK_PCI_CLASS_BRIDGE 0x06u

/* Capabilities. */
#define NK_PCI_CAP_MSI    0x05u
#define NK_PCI_CAP_VENDOR 0x09u
#define NK_PCI_CAP_EXPR   0x10u
#define NK_PCI_CAP_MSIX   0x11u

uint32_t nk_pci_read(uint16_t bdf, uint32_t offset);
void nk_pci_write(uint16_t bdf, uint32_t offset, uint32_t value);
/* 16 bits, at an even offset: where a register's neighbour must not be written. */
uint16_t nk_pci_read16(uint16_t bdf, uint32_t offset);
void nk_pci_write16(uint16_t bdf, uint32_t offset, uint16_t value);
/* The same where the write may change which addresses functions answer at: command, reset, power of
 * a slot. Under TCG no other core runs meanwhile: QEMU 7.2 first shows all processors the new map
 * and then has them forget translations made from the old one, and what a processor reads or writes
 * between the two may reach another function's registers. */
void nk_pci_write16_map(uint16_t bdf, uint32_t offset, uint16_t value);

/* Offset of the first capability of this kind behind the one at `after` (0: of all), or 0. */
uint32_t nk_pci_capability(uint16_t bdf, uint8_t id, uint32_t after);

/*
 * Finds every function and numbers every bus anew: bridges get a bus number and a window in which
 * the BARs behind them lie, whatever the firmware did or left undone. A bridge for which there is
 * no number or no room stays closed. Calls found for every function, at most NK_PCI_FUNCTIONS_MAX;
 * resource has its PCI fields filled in.
 */
void nk_pci_scan(void (*found)(struct nom_resource resource));

/* The functions of device 0 on the bus behind a port, after something was plugged into it. Bridges
 * among them stay closed. */
void nk_pci_scan_port(unsigned bus, void (*found)(struct nom_resource resource));
/* Nothing is left on this bus: its window is free again. */
void nk_pci_bus_empty(unsigned bus);
/* Requests of what is on this bus carry the function's own number (PCI Express all the way). */
bool nk_pci_bus_express(unsigned bus);

struct nk_pci_bar {
    uint32_t index; /* of its first register */
    uint64_t bytes; /* 0: there is none */
    bool memory, wide;
};

/* Sizes a BAR. Decoding must be off, for the BAR holds other addresses meanwhile. */
struct nk_pci_bar nk_pci_bar_read(uint16_t bdf, uint32_t index);
/* Writes the BAR. *place: where a memory BAR lies, physical, in whole pages of its own; or the
 * first of an I/O BAR's ports; 0: it gets a place now, but for ports behind bridges, which have
 * none. False if its bus's window has no room. */
bool nk_pci_bar_place(uint16_t bdf, const struct nk_pci_bar *bar, uint64_t *place);

/* I/O port of the q35's ACPI PM timer, or 0. */
uint16_t nk_pci_pm_timer_port(void);

#endif
