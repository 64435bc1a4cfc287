// ioctls on network interfaces and on /dev/net/tun, which Swift sees as variadic.
// Each returns what the system call returns; errno is the caller's to read.
#pragma once

#include <linux/if_tun.h>
#include <net/if.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

// `name` must be shorter than IFNAMSIZ.
static inline struct ifreq apus_interface_request(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
}

static inline int apus_interface_mtu(int fd, const char *name, int *mtu) {
    struct ifreq request = apus_interface_request(name);
    int result = ioctl(fd, SIOCGIFMTU, &request);
    *mtu = request.ifr_mtu;
    return result;
}

static inline int apus_interface_flags(int fd, const char *name, uint32_t *flags) {
    struct ifreq request = apus_interface_request(name);
    int result = ioctl(fd, SIOCGIFFLAGS, &request);
    *flags = (uint16_t)request.ifr_flags;
    return result;
}

// `kind` becomes ARPHRD_*, `address` the six bytes of an Ethernet address.
static inline int apus_interface_address(int fd, const char *name, int *kind, uint8_t address[6]) {
    struct ifreq request = apus_interface_request(name);
    int result = ioctl(fd, SIOCGIFHWADDR, &request);
    *kind = request.ifr_hwaddr.sa_family;
    memcpy(address, request.ifr_hwaddr.sa_data, 6);
    return result;
}

// Makes a new tap with virtio headers. EBUSY if the name is taken, by whatever.
static inline int apus_tap_make(int fd, const char *name) {
    struct ifreq request = apus_interface_request(name);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL);
    return ioctl(fd, TUNSETIFF, &request);
}

static inline int apus_tap_set_header_size(int fd, int byte_count) {
    return ioctl(fd, TUNSETVNETHDRSZ, &byte_count);
}

static inline int apus_tap_set_offload(int fd, unsigned int features) {
    return ioctl(fd, TUNSETOFFLOAD, (unsigned long)features);
}
