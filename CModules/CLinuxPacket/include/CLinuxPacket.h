// Headers of Linux for packet input and output, and of the datapath's netlink families.
// Headers only: what Swift cannot see (function-like macros) stands here as a static inline.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/openvswitch.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
