/*
 * hotplug.h. A port is one slot with one device, whose functions are what the board lists on the
 * port's bus and not as gone. Nothing here waits: the link is looked at when the port says that it
 * has changed.
 */
#include "hotplug.h"
#include "board.h"
#include "console.h"
#include "core.h"
#include "device.h"
#include "interrupt.h"
#include "msix.h"
#include "pci.h"

#define SUBCLASS_PCI_BRIDGE 0x04u

/* Of the Express capability. */
#define FLAGS         0x02u
#define FLAGS_KIND    4u
#define FLAGS_SLOT    0x100u
#define FLAGS_MESSAGE 9u
#define LINK_STATUS   0x12u
#define LINK_ACTIVE   0x2000u
#define SLOT          0x14u
#define SLOT_HOTPLUG  0x40u
#define SLOT_CONTROL  0x18u
#define SLOT_STATUS   0x1au
#define ROOT_PORT     4u
#define DOWNSTREAM    6u

#define CONTROL_BUTTON    0x0001u /* interrupts for these */
#define CONTROL_PRESENCE  0x0008u
#define CONTROL_LINK      0x1000u
#define CONTROL_INTERRUPT 0x0020u
#define CONTROL_LIGHT     0x0300u /* power indicator: */
#define CONTROL_LIGHT_ON  0x0100u
#define CONTROL_LIGHT_OFF 0x0300u
#define CONTROL_POWER_OFF 0x0400u
#define STATUS_BUTTON     0x0001u
#define STATUS_PRESENT    0x0040u
#define STATUS_EVENTS     0x011fu /* written with ones: cleared */

#define MSI_CONTROL    2u
#define MSI_ADDRESS    4u
#define MSI_HIGH       8u
#define MSI_ENABLE     0x0001u
#define MSI_MANY       0x0070u /* more than one message */
#define MSI_64         0x0080u
#define MSI_DATA       8u
#define MSI_DATA_64    12u
#define BARS_OF_BRIDGE 2u

static struct port {
    uint16_t bdf;
    unsigned bus; /* behind it */
    uint32_t express;
    bool leaving;
    uint64_t deadline_tsc; /* of leaving */
} ports[NK_PORTS_MAX];
static unsigned port_count, leaving_count;

static void power(const struct port *port, bool on) {
    uint16_t control = nk_pci_read16(port->bdf, port->express + SLOT_CONTROL);
    control &= (uint16_t) ~(CONTROL_POWER_OFF | CONTROL_LIGHT);
    control |= on ? CONTROL_LIGHT_ON : CONTROL_POWER_OFF | CONTROL_LIGHT_OFF;
    nk_pci_write16_map(port->bdf, port->express + SLOT_CONTROL, control);
}

/* The next function of the port's device from *place on, or NULL. */
static const struct nom_resource *next(const struct port *port, uint32_t *place) {
    const struct nom_resource *r;
    for (; (r = nk_board_at(*place)); (*place)++)
        if (r->kind == NOM_RESOURCE_PCI && r->pci_bdf >> 8 == port->bus &&
            !(r->flags & NOM_RESOURCE_GONE)) {
            (*place)++;
            return r;
        }
    return NULL;
}

static bool full(const struct port *port) {
    uint32_t place = 0;
    return next(port, &place) != NULL;
}

static bool owned(const struct port *port) {
    const struct nom_resource *r;
    for (uint32_t place = 0; (r = next(port, &place));)
        if (r->owner)
            return true;
    return false;
}

/* Nobody has or sees it any more. */
static void gone(struct port *port) {
    const struct nom_resource *r;
    char name[NK_DEVICE_NAME_BYTES];
    leaving_count -= port->leaving;
    port->leaving = false;
    for (uint32_t place = 0; (r = next(port, &place));) {
        nk_board_flags(r->id, (r->flags & ~(uint32_t)NOM_RESOURCE_LEAVING) | NOM_RESOURCE_GONE);
        nk_device_take(r->id);
        nk_line("pci %s: unplugged", nk_device_name(r->pci_bdf, name));
    }
    power(port, false);
}

static void leave(struct port *port) {
    const struct nom_resource *r;
    char name[NK_DEVICE_NAME_BYTES];
    if (port->leaving || !owned(port)) {
        gone(port);
        return;
    }
    port->leaving = true;
    leaving_count++;
    port->deadline_tsc = nk_tsc() + nk_board_tsc_hz() / 1000 * NK_LEAVE_MS;
    for (uint32_t place = 0; (r = next(port, &place));) {
        nk_board_flags(r->id, r->flags | NOM_RESOURCE_LEAVING);
        nk_line("pci %s: to be unplugged", nk_device_name(r->pci_bdf, name));
    }
}

static void come(struct port *port) {
    if (nk_pci_read16(port->bdf, port->express + SLOT_CONTROL) & CONTROL_POWER_OFF)
        power(port, true);
    if (!(nk_pci_read16(port->bdf, port->express + LINK_STATUS) & LINK_ACTIVE))
        return; /* the port says when */
    nk_pci_bus_empty(port->bus);
    nk_pci_scan_port(port->bus, nk_device_found);
}

/* What the port says, looked at once: whatever changes afterwards is an event of its own. Only what
 * was seen is cleared (QEMU takes anything else for a mistake and keeps all of it). */
static void happened(uint64_t index) {
    struct port *port = &ports[index];
    uint16_t status = nk_pci_read16(port->bdf, port->express + SLOT_STATUS);
    nk_pci_write16(port->bdf, port->express + SLOT_STATUS, status & STATUS_EVENTS);
    bool present = status & STATUS_PRESENT;
    if (!present && full(port))
        gone(port);
    else if (present && !full(port))
        come(port);
    else if (present && (status & STATUS_BUTTON))
        leave(port);
}

/* The port's own interrupt: by a table like a device's, or by the older single message. */
static bool interrupt(const struct port *port, int vector) {
    struct nk_message how = nk_remap_allow(port->bdf, nk_core_apic_id(0), vector);
    struct nk_msix msix;
    nk_msix_find(port->bdf, &msix);
    if (msix.entries) {
        uint64_t places[NOM_DEVICE_BARS] = {0}, bytes[NOM_DEVICE_BARS] = {0};
        uint16_t command = nk_pci_read16(port->bdf, NK_PCI_COMMAND);
        uint32_t message = nk_pci_read16(port->bdf, port->express + FLAGS) >> FLAGS_MESSAGE & 0x1f;
        nk_pci_write16(port->bdf, NK_PCI_COMMAND, (uint16_t)(command & ~NK_PCI_COMMAND_MEMORY));
        for (uint32_t i = 0; i < BARS_OF_BRIDGE; i++) {
            struct nk_pci_bar bar = nk_pci_bar_read(port->bdf, i);
            if (bar.memory && bar.bytes && nk_pci_bar_place(port->bdf, &bar, &places[i]))
                bytes[i] = bar.bytes;
            i += bar.wide;
        }
        nk_pci_write16(port->bdf, NK_PCI_COMMAND, command);
        if (message >= msix.entries || !nk_msix_place(&msix, places, bytes))
            return false;
        nk_msix_aim(&msix, message, how);
        nk_msix_enable(port->bdf, &msix);
        nk_msix_mask(&msix, message, false);
        return true;
    }
    uint32_t msi = nk_pci_capability(port->bdf, NK_PCI_CAP_MSI, 0);
    if (!msi)
        return false;
    uint16_t control = nk_pci_read16(port->bdf, msi + MSI_CONTROL);
    bool wide = control & MSI_64;
    nk_pci_write(port->bdf, msi + MSI_ADDRESS, how.address);
    if (wide)
        nk_pci_write(port->bdf, msi + MSI_HIGH, 0);
    nk_pci_write16(port->bdf, msi + (wide ? MSI_DATA_64 : MSI_DATA), (uint16_t)how.data);
    nk_pci_write16(port->bdf, msi + MSI_CONTROL, (control & (uint16_t)~MSI_MANY) | MSI_ENABLE);
    return true;
}

static void watch(uint16_t bdf) {
    uint32_t express = nk_pci_capability(bdf, NK_PCI_CAP_EXPR, 0);
    if (!express || port_count == NK_PORTS_MAX)
        return;
    uint16_t flags = nk_pci_read16(bdf, express + FLAGS);
    unsigned kind = flags >> FLAGS_KIND & 0xf, bus = nk_pci_read(bdf, NK_PCI_BUSES) >> 8 & 0xff;
    if ((kind != ROOT_PORT && kind != DOWNSTREAM) || !(flags & FLAGS_SLOT) || bus == 0 ||
        !(nk_pci_read(bdf, express + SLOT) & SLOT_HOTPLUG))
        return;
    struct port *port = &ports[port_count];
    *port = (struct port){.bdf = bdf, .bus = bus, .express = express};
    int vector = nk_vector_take(happened, port_count);
    if (!vector)
        return;
    if (!interrupt(port, vector)) {
        nk_remap_end(vector);
        nk_vector_give(vector);
        return;
    }
    port_count++;
    nk_pci_write16(bdf, express + SLOT_STATUS,
                   nk_pci_read16(bdf, express + SLOT_STATUS) & STATUS_EVENTS);
    uint16_t control = nk_pci_read16(bdf, express + SLOT_CONTROL);
    nk_pci_write16(bdf, express + SLOT_CONTROL,
                   control | CONTROL_BUTTON | CONTROL_PRESENCE | CONTROL_LINK | CONTROL_INTERRUPT);
    if (!full(port))
        happened(port_count - 1); /* something may have been plugged before anybody watched */
}

void nk_hotplug_start(void) {
    const struct nom_resource *r;
    for (uint32_t i = 0; (r = nk_board_at(i)); i++)
        if (r->kind == NOM_RESOURCE_PCI && r->pci_class == NK_PCI_CLASS_BRIDGE &&
            r->pci_subclass == SUBCLASS_PCI_BRIDGE)
            watch(r->pci_bdf);
}

void nk_hotplug_left(uint16_t bdf) {
    for (unsigned i = 0; i < port_count; i++)
        if (ports[i].bus == bdf >> 8 && ports[i].leaving && !owned(&ports[i]))
            gone(&ports[i]);
}

uint64_t nk_hotplug_next_tsc(void) {
    uint64_t first = 0;
    for (unsigned i = 0; leaving_count > 0 && i < port_count; i++)
        if (ports[i].leaving && (!first || ports[i].deadline_tsc < first))
            first = ports[i].deadline_tsc;
    return first;
}

void nk_hotplug_due(void) {
    for (unsigned i = 0; leaving_count > 0 && i < port_count; i++)
        if (ports[i].leaving && nk_tsc() >= ports[i].deadline_tsc)
            gone(&ports[i]);
}
