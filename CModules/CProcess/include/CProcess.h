// What a daemon needs of Linux and Swift's Glibc module does not show.
// Headers only: what Swift cannot call stands here as a static inline.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

// Swift marks fork() as unavailable, because a child of a process with several threads may do next
// to nothing. Ours forks as the first thing of all, while it has one thread.
static inline pid_t process_fork(void) { return fork(); }

// Takes the write lock of the whole file, as other programs look for it with F_GETLK.
// Returns 0, or -1 with errno EACCES or EAGAIN if another process has it.
static inline int process_lock(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_SETLK, &lock);
}

// The process that holds the lock which process_lock() would take: its id, 0 if none, -1 if
// unknown.
static inline pid_t process_lock_owner(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_GETLK, &lock) != 0) return -1;
    return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

// Gives freed memory back to the system.
static inline void process_trim_memory(void) { malloc_trim(0); }

// From here on SIGTERM, SIGINT and SIGHUP are read from the descriptor that is returned, and no
// thread that is started later is interrupted by them. A write to a pipe or socket that nobody reads
// any more fails, and does not end the process. -1 with errno on failure.
static inline int process_signals(void) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, 0) != 0) return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Lets a thread (as gettid() says; 0: this one) run on the processors whose bits are set. Returns 0,
// or -1 with errno: EINVAL if none of them is there or allowed.
static inline int process_set_processors(pid_t task, const unsigned long *bits, size_t byteCount) {
    return (int)syscall(SYS_sched_setaffinity, task, byteCount, bits);
}

// The processors that this thread may run on; bits that are not written stay. -1 with errno.
static inline int process_processors(unsigned long *bits, size_t byteCount) {
    return (int)syscall(SYS_sched_getaffinity, 0, byteCount, bits);
}

// The next signal that has come, or 0.
static inline int process_next_signal(int descriptor) {
    struct signalfd_siginfo info;
    return read(descriptor, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}
