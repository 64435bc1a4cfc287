// Headers of Linux for packet input and output, and of the datapath's netlink families.
// Headers only: what Swift cannot see (function-like macros, atomics on ring memory, variadic
// calls) stands here and in the headers beside this one as a static inline.
#pragma once

// First, because linux/if.h gives way to it but not the other way round.
#include <net/if.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/openvswitch.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "InterfaceRequests.h"
#include "KernelTables.h"
#include "NetworkNamespace.h"
#include "PacketSocket.h"
#include "PacketSteering.h"
