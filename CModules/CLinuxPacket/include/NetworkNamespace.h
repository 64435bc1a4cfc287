// Moving the calling thread (not the process) to another network namespace.
// Both return what the system call returns; CLONE_NEWNET needs _GNU_SOURCE, which Swift lacks.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

enum { APUS_CLONE_NEWNET = 0x40000000 };

// To a new one that has nothing but a loopback interface, switched off.
static inline int apus_network_namespace_make(void) {
    return (int)syscall(__NR_unshare, APUS_CLONE_NEWNET);
}

// To that of a descriptor from /proc/.../ns/net.
static inline int apus_network_namespace_enter(int descriptor) {
    return (int)syscall(__NR_setns, descriptor, APUS_CLONE_NEWNET);
}
