// bpf(2): a program of two instructions that drops every frame, and a link of it to an interface's
// ingress. Numbers that older headers lack stand here with the name they have in linux/bpf.h.
#pragma once

#include <linux/bpf.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { APUS_BPF_TCX_INGRESS = 46 };  // BPF_TCX_INGRESS, Linux 6.6

// Loads "return 2", which is TC_ACT_SHOT of classic tc and TCX_DROP of tcx. Returns a descriptor.
static inline int apus_ingress_drop_load(void) {
    struct bpf_insn program[2];
    memset(program, 0, sizeof program);
    program[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    program[0].dst_reg = BPF_REG_0;
    program[0].imm = 2;
    program[1].code = BPF_JMP | BPF_EXIT;
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.prog_type = BPF_PROG_TYPE_SCHED_CLS;
    attributes.insns = (uint64_t)(uintptr_t)program;
    attributes.insn_cnt = 2;
    attributes.license = (uint64_t)(uintptr_t)"Apache-2.0";
    memcpy(attributes.prog_name, "apus_drop", sizeof "apus_drop");
    return (int)syscall(__NR_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes);
}

// Returns the descriptor of a link that lasts until its last descriptor is closed.
static inline int apus_ingress_link(int program, int interface_index) {
    union bpf_attr attributes;
    memset(&attributes, 0, sizeof attributes);
    attributes.link_create.prog_fd = (uint32_t)program;
    attributes.link_create.target_ifindex = (uint32_t)interface_index;
    attributes.link_create.attach_type = APUS_BPF_TCX_INGRESS;
    return (int)syscall(__NR_bpf, BPF_LINK_CREATE, &attributes, sizeof attributes);
}
