// AF_PACKET sockets: the calls whose arguments are macros, sizes or pointers to small structs.
// Each returns what the system call returns; errno is the caller's to read.
#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#ifndef _GNU_SOURCE
struct mmsghdr {
    struct msghdr msg_hdr;
    unsigned int msg_len;
};
extern int sendmmsg(int, struct mmsghdr *, unsigned int, int);
#endif

// The offsets by which RingBlock.swift reads what the kernel wrote.
_Static_assert(sizeof(struct tpacket3_hdr) == 48, "tpacket3_hdr");
_Static_assert(offsetof(struct tpacket3_hdr, tp_next_offset) == 0, "tp_next_offset");
_Static_assert(offsetof(struct tpacket3_hdr, tp_snaplen) == 12, "tp_snaplen");
_Static_assert(offsetof(struct tpacket3_hdr, tp_len) == 16, "tp_len");
_Static_assert(offsetof(struct tpacket3_hdr, tp_status) == 20, "tp_status");
_Static_assert(offsetof(struct tpacket3_hdr, tp_mac) == 24, "tp_mac");
_Static_assert(offsetof(struct tpacket3_hdr, hv1.tp_vlan_tci) == 32, "tp_vlan_tci");
_Static_assert(offsetof(struct tpacket3_hdr, hv1.tp_vlan_tpid) == 36, "tp_vlan_tpid");
_Static_assert(offsetof(struct tpacket_block_desc, hdr.bh1.block_status) == 8, "block_status");
_Static_assert(offsetof(struct tpacket_block_desc, hdr.bh1.num_pkts) == 12, "num_pkts");
_Static_assert(offsetof(struct tpacket_block_desc, hdr.bh1.offset_to_first_pkt) == 16, "first");
_Static_assert(sizeof(struct tpacket2_hdr) == 32, "tpacket2_hdr");
_Static_assert(offsetof(struct tpacket2_hdr, tp_len) == 4, "tp_len");
_Static_assert(offsetof(struct tpacket2_hdr, tp_snaplen) == 8, "tp_snaplen");
_Static_assert(offsetof(struct tpacket2_hdr, tp_mac) == 12, "tp_mac");
_Static_assert(offsetof(struct tpacket2_hdr, tp_vlan_tci) == 24, "tp_vlan_tci");
_Static_assert(offsetof(struct tpacket2_hdr, tp_vlan_tpid) == 26, "tp_vlan_tpid");
_Static_assert(TP_STATUS_COPY == 1 << 1, "COPY");
_Static_assert(TP_STATUS_VLAN_VALID == 1 << 4, "VLAN_VALID");
_Static_assert(TP_STATUS_VLAN_TPID_VALID == 1 << 6, "VLAN_TPID_VALID");

// Protocol 0: nothing is received until apus_packet_bind, so no frame of another interface is.
static inline int apus_packet_socket(void) {
    return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static inline int apus_packet_set(int fd, int option, int value) {
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

// The force variant needs CAP_NET_ADMIN and passes the limit of net.core.wmem_max.
static inline int apus_socket_set_send_buffer(int fd, int byte_count) {
    return setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &byte_count, sizeof byte_count);
}

// Frames of the socket get this priority, by which queueing disciplines sort them.
static inline int apus_socket_set_priority(int fd, unsigned priority) {
    return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
}

// `everything`: whether frames of all Ethernet types are to be received, or none.
static inline int apus_packet_bind(int fd, int interface_index, int everything) {
    struct sockaddr_ll address;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_protocol = everything ? htons(ETH_P_ALL) : 0;
    address.sll_ifindex = interface_index;
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static inline int apus_packet_make_promiscuous(int fd, int interface_index) {
    struct packet_mreq request;
    memset(&request, 0, sizeof request);
    request.mr_ifindex = interface_index;
    request.mr_type = PACKET_MR_PROMISC;
    return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request);
}

static inline int apus_packet_make_ring(int fd, const struct tpacket_req3 *request) {
    return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request, sizeof *request);
}

// Reads and zeroes the kernel's counters of a TPACKET_V3 ring.
static inline int apus_packet_take_statistics(int fd, struct tpacket_stats_v3 *statistics) {
    socklen_t size = sizeof *statistics;
    return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics, &size);
}

// Reads and clears the pending error of a socket; 0 if there is none.
static inline int apus_socket_take_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 ? -1 : error;
}

// The status word of a ring block is the only thing that kernel and reader both write.
static inline uint32_t apus_load_acquire(const void *word) {
    return __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE);
}

static inline void apus_store_release(void *word, uint32_t value) {
    __atomic_store_n((uint32_t *)word, value, __ATOMIC_RELEASE);
}

// For TPACKET_V2, whose request is the beginning of TPACKET_V3's.
static inline int apus_packet_make_slots(int fd, const struct tpacket_req3 *request) {
    return setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request, sizeof(struct tpacket_req));
}

static inline int apus_socket_set_receive_buffer(int fd, int byte_count) {
    return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &byte_count, sizeof byte_count);
}
