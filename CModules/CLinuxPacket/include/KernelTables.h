// bpf(2): programs and the tables that they share with us. One function per command, because union
// bpf_attr is built of anonymous structures. Numbers that older headers lack stand here with the
// name they have in linux/bpf.h.
#pragma once

#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { APUS_BPF_TCX_INGRESS = 46 };  // BPF_TCX_INGRESS, Linux 6.6

static inline long apus_bpf(int command, union bpf_attr *attributes) {
    return syscall(__NR_bpf, command, attributes, sizeof *attributes);
}

// Returns a descriptor. `name` has at most 15 bytes.
static inline int apus_table_make(
    uint32_t type, uint32_t key_size, uint32_t value_size, uint32_t count, uint32_t flags,
    const char *name) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_type = type;
    attributes.key_size = key_size;
    attributes.value_size = value_size;
    attributes.max_entries = count;
    attributes.map_flags = flags;
    strncpy(attributes.map_name, name, BPF_OBJ_NAME_LEN - 1);
    return (int)apus_bpf(BPF_MAP_CREATE, &attributes);
}

// Puts an entry that is not there yet; EEXIST if it is.
static inline int apus_table_put(int table, const void *key, const void *value) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)table;
    attributes.key = (uint64_t)(uintptr_t)key;
    attributes.value = (uint64_t)(uintptr_t)value;
    attributes.flags = BPF_NOEXIST;
    return (int)apus_bpf(BPF_MAP_UPDATE_ELEM, &attributes);
}

// Reads an entry and removes it, in one step where the kernel can (Linux 5.14).
static inline int apus_table_take(int table, const void *key, void *value) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.map_fd = (uint32_t)table;
    attributes.key = (uint64_t)(uintptr_t)key;
    attributes.value = (uint64_t)(uintptr_t)value;
    long result = apus_bpf(BPF_MAP_LOOKUP_AND_DELETE_ELEM, &attributes);
    if (result == 0 || errno == ENOENT) return (int)result;
    if (apus_bpf(BPF_MAP_LOOKUP_ELEM, &attributes) != 0) return -1;
    return (int)apus_bpf(BPF_MAP_DELETE_ELEM, &attributes);
}

// Reads up to *count entries from *cursor on (0 if `is_first`); sets both. Returns 1 if there may be
// more, 0 at the end, -1 with errno.
static inline int apus_table_read(
    int table, int is_first, uint32_t *cursor, void *keys, void *values, uint32_t *count) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    uint32_t from = *cursor;
    attributes.batch.in_batch = is_first ? 0 : (uint64_t)(uintptr_t)&from;
    attributes.batch.out_batch = (uint64_t)(uintptr_t)cursor;
    attributes.batch.keys = (uint64_t)(uintptr_t)keys;
    attributes.batch.values = (uint64_t)(uintptr_t)values;
    attributes.batch.count = *count;
    attributes.batch.map_fd = (uint32_t)table;
    long result = apus_bpf(BPF_MAP_LOOKUP_BATCH, &attributes);
    if (result != 0 && errno != ENOENT) return -1;
    *count = attributes.batch.count;
    return result == 0;
}

// The first page of an array made with BPF_F_MMAPABLE: writing it takes no system call.
static inline void *apus_table_map(int table) {
    void *start = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, table, 0);
    return start == MAP_FAILED ? 0 : start;
}

static inline void apus_table_unmap(void *start) { munmap(start, 4096); }

// Returns a descriptor. `words` are instructions, `name` has at most 15 bytes.
static inline int apus_program_load(
    uint32_t type, const uint64_t *words, uint32_t count, const char *name) {
    static const char license[] = "Apache-2.0";
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = type;
    attributes.insns = (uint64_t)(uintptr_t)words;
    attributes.insn_cnt = count;
    attributes.license = (uint64_t)(uintptr_t)license;
    strncpy(attributes.prog_name, name, BPF_OBJ_NAME_LEN - 1);
    return (int)apus_bpf(BPF_PROG_LOAD, &attributes);
}

// Attaches a program to an interface's ingress. Returns the descriptor of a link that lasts until its
// last descriptor is closed.
static inline int apus_ingress_link(int program, int interface_index) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.link_create.prog_fd = (uint32_t)program;
    attributes.link_create.target_ifindex = (uint32_t)interface_index;
    attributes.link_create.attach_type = APUS_BPF_TCX_INGRESS;
    return (int)apus_bpf(BPF_LINK_CREATE, &attributes);
}

static inline int apus_socket_filter_by(int fd, int program) {
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program);
}
