/*
 * Opens the interface of the command line as packet.h's NIC. Its Ethernet address is made from the
 * interface's and differs from it: so the kernel's own stack takes our frames for another host's
 * and drops them early, and a restarted app keeps the address that its neighbours have learnt. A
 * filter leaves only frames to that address, and broadcasts, to the ring.
 */
#include "floor.h"
#include "packet.h"
#include "runtime/platform/platform.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MTU_LEAST 1500

static struct packet packet = {.fd = -1};

void plat_nic_start(const char *interface) {
    packet.interface = interface;
}

/* The socket's own error of that, which is now 0: left there it would fail the first frame after
 * the interface has come back, and end each wait at once. */
static int take_error(const struct packet *p) {
    int error = 0;
    socklen_t bytes = sizeof error;
    return getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 ? error : 0;
}

void packet_went_down(struct packet *p, int error) {
    take_error(p);
    if (!p->down)
        plat_log("interface %s: %s; frames are lost until it is back", p->interface,
                 strerror(error));
    p->down = true;
}

/* Called where a wait found the socket in trouble. */
static void hear_trouble(void) {
    int error = take_error(&packet);
    if (error != 0) {
        packet.errors++;
        packet_went_down(&packet, error);
    }
}

static uint64_t no_kicks(struct nic *nic) {
    (void)nic;
    return 0;
}

/* The kernel misses nothing; what it dropped is asked for here, since it takes a call. */
static bool remind(struct nic *nic) {
    if (packet_of(nic)->rx.losing)
        packet_rx_count_lost(packet_of(nic));
    return false;
}

/* A wait needs no arming: poll(2) ends as soon as a frame is there. */
static bool sleep_now(struct nic *nic) {
    (void)nic;
    return true;
}

static void wake(struct nic *nic) {
    (void)nic;
}

/* Nothing is plugged on this floor; an interface that has gone may come back. */
static bool leaves(struct nic *nic) {
    (void)nic;
    return false;
}

static void close_it(struct nic *nic) {
    (void)nic;
}

static uint64_t errors(struct nic *nic) {
    return packet_of(nic)->errors;
}

static const struct nic_ops ops = {
    .rx_ready = packet_rx_ready,
    .rx_take = packet_rx_take,
    .rx_release = packet_rx_release,
    .tx_free = packet_tx_free,
    .tx_put = packet_tx_put,
    .tx_kick = packet_tx_kick,
    .tx_reap = packet_tx_reap,
    .rx_kicks = no_kicks,
    .remind = remind,
    .errors = errors,
    .sleep = sleep_now,
    .wake = wake,
    .leaves = leaves,
    .close = close_it,
};

/* NULL, or why this interface will not do; sets its index and our Ethernet address. */
static const char *look_at(struct packet *p, int *index) {
    struct ifreq request = {0};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", p->interface);
    if (strlen(p->interface) >= IFNAMSIZ || ioctl(p->fd, SIOCGIFINDEX, &request) != 0)
        return "there is no such interface";
    *index = request.ifr_ifindex;
    if (ioctl(p->fd, SIOCGIFHWADDR, &request) != 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return "not an Ethernet interface";
    memcpy(p->nic.mac, request.ifr_hwaddr.sa_data, sizeof p->nic.mac);
    p->nic.mac[0] = (uint8_t)((p->nic.mac[0] & ~1) | 2); /* one host's, locally administered */
    p->nic.mac[3] ^= 'n';
    p->nic.mac[4] ^= 'o';
    p->nic.mac[5] ^= 'm';
    if (ioctl(p->fd, SIOCGIFMTU, &request) != 0 || request.ifr_mtu < MTU_LEAST)
        return "its MTU is below 1500";
    if (ioctl(p->fd, SIOCGIFFLAGS, &request) != 0 || (request.ifr_flags & IFF_UP) == 0)
        return "it is down";
    return NULL;
}

static int set_filter(const struct packet *p) {
    const uint8_t *mac = p->nic.mac;
    uint32_t high =
        (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    uint32_t low = (uint32_t)mac[4] << 8 | mac[5];
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, high, 0, 2),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, low, 3, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 0, 3),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffff, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff), /* all of the frame */
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(p->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* NULL, or what went wrong. Nothing is received before the socket is bound. */
static const char *set_up(struct packet *p) {
    int index, one = 1, version = TPACKET_V2;
    const char *trouble = look_at(p, &index);
    if (trouble)
        return trouble;
    struct packet_mreq all = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
    if (setsockopt(p->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        setsockopt(p->fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) != 0 ||
        setsockopt(p->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof one) != 0 ||
        setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0 ||
        set_filter(p) != 0)
        return strerror(errno);
    if ((trouble = packet_rx_open(p)) != NULL)
        return trouble;
    packet_tx_open(p);
    return bind(p->fd, (struct sockaddr *)&address, sizeof address) != 0 ? strerror(errno) : NULL;
}

struct nic *plat_nic_open(char *why, uint32_t why_bytes) {
    struct packet *p = &packet;
    if (p->interface == NULL) {
        snprintf(why, why_bytes, "no --interface was given");
        return NULL;
    }
    if (p->fd >= 0) {
        snprintf(why, why_bytes, "interface %s is open already", p->interface);
        return NULL;
    }
    p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (p->fd < 0) {
        snprintf(why, why_bytes, "interface %s: a packet socket: %s%s", p->interface,
                 strerror(errno),
                 errno == EPERM ? " (be root, or in a namespace of your own: unshare -rn)" : "");
        return NULL;
    }
    const char *trouble = set_up(p);
    if (trouble) {
        snprintf(why, why_bytes, "interface %s: %s", p->interface, trouble);
        close(p->fd);
        p->fd = -1;
        return NULL;
    }
    p->nic.tx_checksum = true;
    p->nic.rx_size = PACKET_RX_SIZE;
    p->nic.tx_size = PACKET_TX_SIZE;
    p->nic.ops = &ops;
    plat_wait_on(p->fd, hear_trouble);
    return &p->nic;
}
