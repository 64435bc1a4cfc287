// Two sockets of one interface in a fanout group: which of them receives is a number in shared memory.
#pragma once

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

// Whether the kernel knows PACKET_FANOUT_FLAG_IGNORE_OUTGOING, which came with Linux 6.2. An older one
// does not refuse it: it passes over the flag, and a port would hear what it sends.
static inline int apus_fanout_leaves_out_outgoing(void) {
    struct utsname names;
    unsigned major = 0, minor = 0;
    if (uname(&names) != 0 || sscanf(names.release, "%u.%u", &major, &minor) != 2) return 0;
    return major > 6 || (major == 6 && minor >= 2);
}

// Makes a group of the first socket; returns the group's number, or -1.
static inline int apus_fanout_found(int fd) {
    if (!apus_fanout_leaves_out_outgoing()) return -1;
    int value = (PACKET_FANOUT_EBPF | PACKET_FANOUT_FLAG_UNIQUEID |
                 PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value) != 0) return -1;
    socklen_t size = sizeof value;
    if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &size) != 0) return -1;
    return value & 0xffff;
}

static inline int apus_fanout_join(int fd, int group) {
    int value = (PACKET_FANOUT_EBPF | PACKET_FANOUT_FLAG_IGNORE_OUTGOING) << 16 | group;
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof value);
}

static inline int apus_fanout_steer_by(int fd, int program) {
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof program);
}

// While deaf, a socket receives nothing.
static inline int apus_socket_make_deaf(int fd) {
    struct sock_filter nothing = {BPF_RET | BPF_K, 0, 0, 0};
    struct sock_fprog program = {1, &nothing};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static inline int apus_socket_make_hear(int fd) {
    int unused = 0;
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
}
