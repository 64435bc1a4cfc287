// libnl-3 and libnl-route-3: the kernel's network interfaces.
#pragma once

#include <net/if.h>

#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/object.h>
#include <netlink/route/link.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// Speed and duplex are not in netlink's link messages. Needs no privilege, no sysfs, and any
// socket. Writes -1 (SPEED_UNKNOWN) and DUPLEX_UNKNOWN where the driver does not know.
static inline int apus_link_speed(const char *name, int *megabits, int *duplex) {
    struct ethtool_cmd command;
    struct ifreq request;
    memset(&command, 0, sizeof command);
    memset(&request, 0, sizeof request);
    *megabits = SPEED_UNKNOWN;
    *duplex = DUPLEX_UNKNOWN;
    command.cmd = ETHTOOL_GSET;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_data = (char *)&command;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    int result = ioctl(fd, SIOCETHTOOL, &request);
    close(fd);
    if (result < 0) return -1;
    *megabits = (int)ethtool_cmd_speed(&command);
    *duplex = command.duplex;
    return 0;
}

// Moves the calling thread (not the process) to a network namespace of its own, where it can make
// interfaces that disturb nobody. CLONE_NEWNET by number: it needs _GNU_SOURCE, which Swift lacks.
static inline int apus_network_namespace_make(void) {
    return (int)syscall(__NR_unshare, 0x40000000);
}
