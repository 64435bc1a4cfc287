// Two sockets of one interface in a fanout group: which of them receives is a number in shared memory.
#pragma once

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif

// An array of one number that user space maps: writing it takes no system call.
static inline int apus_steering_map(void) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = 4;
    attr.value_size = 8;
    attr.max_entries = 1;
    attr.map_flags = BPF_F_MMAPABLE;
    return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

static inline void *apus_steering_word(int map) {
    void *word = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
    return word == MAP_FAILED ? 0 : word;
}

static inline void apus_steering_unmap(void *word) { munmap(word, 4096); }

// A fanout program that returns the number: the index of the socket in its group.
static inline int apus_steering_program(int map) {
    struct bpf_insn code[] = {
        {.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = map},
        {.imm = 0},
        {.code = BPF_LDX | BPF_W | BPF_MEM, .dst_reg = 0, .src_reg = 1},
        {.code = BPF_JMP | BPF_EXIT},
    };
    static const char license[] = "Apache-2.0";
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
    attr.insns = (uint64_t)(uintptr_t)code;
    attr.insn_cnt = sizeof code / sizeof code[0];
    attr.license = (uint64_t)(uintptr_t)license;
    return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

// Makes a group of the first socket; returns the group's number, or -1.
static inline int apus_fanout_found(int fd) {
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
