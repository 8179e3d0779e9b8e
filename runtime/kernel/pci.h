/*
 * PCI functions through configuration ports 0xcf8 and 0xcfc.
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

#define NK_PCI_COMMAND_IO     0x001u
#define NK_PCI_COMMAND_MEMORY 0x002u
#define NK_PCI_COMMAND_MASTER 0x004u
#define NK_PCI_COMMAND_INTX   0x400u /* off */

#define NK_PCI_CLASS_BRIDGE 0x06u

uint32_t nk_pci_read(uint16_t bdf, uint32_t offset);
void nk_pci_write(uint16_t bdf, uint32_t offset, uint32_t value);

/* Calls found for every function on the buses the firmware numbered, at most
 * NK_PCI_FUNCTIONS_MAX of them. resource has its PCI fields filled in. */
void nk_pci_scan(void (*found)(struct nom_resource resource));

/* I/O port of the q35's ACPI PM timer, or 0. */
uint16_t nk_pci_pm_timer_port(void);

#endif
