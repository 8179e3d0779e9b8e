/*
 * Invariant: an entry is unmasked only while somebody is to be told of its interrupts (bind.c,
 * hotplug.c). A function comes out of reset with every entry masked.
 */
#include "msix.h"
#include "pci.h"

#define CONTROL        2u
#define CONTROL_ENABLE 0x8000u
#define CONTROL_HIDDEN 0x4000u /* all entries masked, whatever each says */
#define CONTROL_SIZE   0x7ffu
#define TABLE          4u
#define TABLE_BAR      7u

#define ENTRY_ADDRESS 0u
#define ENTRY_HIGH    4u
#define ENTRY_DATA    8u
#define ENTRY_CONTROL 12u
#define ENTRY_MASKED  1u

void nk_msix_find(uint16_t bdf, struct nk_msix *out) {
    uint32_t at = nk_pci_capability(bdf, NK_PCI_CAP_MSIX, 0);
    *out = (struct nk_msix){0};
    if (!at)
        return;
    uint32_t table = nk_pci_read(bdf, at + TABLE);
    if ((table & TABLE_BAR) >= NOM_DEVICE_BARS)
        return;
    out->entries = (nk_pci_read16(bdf, at + CONTROL) & CONTROL_SIZE) + 1u;
    out->bar = table & TABLE_BAR;
    out->offset = table & ~TABLE_BAR;
}

bool nk_msix_place(struct nk_msix *msix, const uint64_t *places, const uint64_t *bytes) {
    uint64_t end = msix->offset + (uint64_t)msix->entries * NK_MSIX_ENTRY_BYTES;
    if (!places[msix->bar] || end > bytes[msix->bar])
        return false;
    msix->table = places[msix->bar] + msix->offset;
    return true;
}

static volatile uint32_t *word(const struct nk_msix *msix, uint32_t entry, uint32_t which) {
    return nk_direct(msix->table + (uint64_t)entry * NK_MSIX_ENTRY_BYTES + which);
}

void nk_msix_mask(const struct nk_msix *msix, uint32_t entry, bool masked) {
    *word(msix, entry, ENTRY_CONTROL) = masked ? ENTRY_MASKED : 0;
}

void nk_msix_enable(uint16_t bdf, const struct nk_msix *msix) {
    uint32_t at = nk_pci_capability(bdf, NK_PCI_CAP_MSIX, 0);
    uint16_t control = nk_pci_read16(bdf, at + CONTROL);
    if (!at || !msix->entries || (control & CONTROL_ENABLE))
        return;
    nk_pci_write16(bdf, at + CONTROL, (control & ~CONTROL_HIDDEN) | CONTROL_ENABLE);
}

void nk_msix_aim(const struct nk_msix *msix, uint32_t entry, struct nk_message message) {
    *word(msix, entry, ENTRY_CONTROL) = ENTRY_MASKED;
    *word(msix, entry, ENTRY_ADDRESS) = message.address;
    *word(msix, entry, ENTRY_HIGH) = 0;
    *word(msix, entry, ENTRY_DATA) = message.data;
}
