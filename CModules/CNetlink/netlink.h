// libnl-3, libnl-route-3 and libnl-genl-3: the kernel's network interfaces, and its datapath module.
#pragma once

#include <net/if.h>

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/family.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/object.h>
#include <netlink/route/addr.h>
#include <netlink/route/class.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/htb.h>
#include <netlink/route/tc.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void apus_name_request(struct ifreq *request, const char *name) {
    memset(request, 0, sizeof *request);
    strncpy(request->ifr_name, name, IFNAMSIZ - 1);
}

// Speed and duplex are not in netlink's link messages. Needs no privilege and no sysfs; `control` is
// any socket of the interface's network namespace. Writes -1 (SPEED_UNKNOWN) and DUPLEX_UNKNOWN
// where the driver does not know.
static inline int apus_link_speed(int control, const char *name, int *megabits, int *duplex) {
    struct ethtool_cmd command;
    struct ifreq request;
    memset(&command, 0, sizeof command);
    *megabits = SPEED_UNKNOWN;
    *duplex = DUPLEX_UNKNOWN;
    command.cmd = ETHTOOL_GSET;
    apus_name_request(&request, name);
    request.ifr_data = (char *)&command;
    if (ioctl(control, SIOCETHTOOL, &request) < 0) return -1;
    *megabits = (int)ethtool_cmd_speed(&command);
    *duplex = command.duplex;
    return 0;
}

// One of ethtool's on-or-off values: asks with ETHTOOL_G…, sets with ETHTOOL_S…
static inline int apus_link_feature(int control, const char *name, unsigned command, unsigned *value) {
    struct ethtool_value exchange;
    struct ifreq request;
    exchange.cmd = command;
    exchange.data = *value;
    apus_name_request(&request, name);
    request.ifr_data = (char *)&exchange;
    int result = ioctl(control, SIOCETHTOOL, &request);
    *value = exchange.data;
    return result;
}

// Makes a tap interface that stays when this returns. -1 and errno if it cannot be made.
static inline int apus_tap_make(const char *name) {
    struct ifreq request;
    int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tun < 0) return -1;
    apus_name_request(&request, name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL;
    int result = ioctl(tun, TUNSETIFF, &request);
    if (result == 0) result = ioctl(tun, TUNSETPERSIST, 1);
    close(tun);
    return result < 0 ? -1 : 0;
}

// CLONE_NEWNET by number: it needs _GNU_SOURCE, which Swift lacks. Both concern the calling thread,
// not the process.

// To a network namespace of its own, where it can make interfaces that disturb nobody.
static inline int apus_links_namespace_make(void) {
    return (int)syscall(__NR_unshare, 0x40000000);
}

// To the network namespace behind a descriptor.
static inline int apus_links_namespace_enter(int descriptor) {
    return (int)syscall(__NR_setns, descriptor, 0x40000000);
}
