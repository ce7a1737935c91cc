// Before any of <linux/…>: it defines the types that both have.
#include <netinet/in.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <linux/memfd.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <string.h>
#include <unistd.h>

// Macros that Swift can't read.
static const unsigned long tap_set_interface = TUNSETIFF;
static const unsigned long tap_set_index = TUNSETIFINDEX;
static const unsigned long tap_set_carrier = TUNSETCARRIER;
static const unsigned long tap_set_lasting = TUNSETPERSIST;
static const int scratch_network = CLONE_NEWNET;
static const int scratch_user = CLONE_NEWUSER;

// Calls that the C library has for GNU programs only, or not at all.
static inline int scratch_unshare(int flags) { return (int)syscall(SYS_unshare, flags); }
static inline int scratch_setns(int descriptor) { return (int)syscall(SYS_setns, descriptor, CLONE_NEWNET); }
static inline int scratch_memory_file(const char *name) {
    return (int)syscall(SYS_memfd_create, name, MFD_CLOEXEC);
}
// Takes the calling thread's loopback down.
static inline void scratch_stop_loopback(void) {
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo"};
    if (descriptor < 0) return;
    ioctl(descriptor, SIOCSIFFLAGS, &request);
    close(descriptor);
}
// A descriptor that can be read when the process has ended.
static inline int scratch_process(int process) { return (int)syscall(SYS_pidfd_open, process, 0); }
// Of the calling thread alone.
static inline int scratch_file_user(unsigned user) { return (int)syscall(SYS_setfsuid, user); }
static inline int scratch_file_group(unsigned group) { return (int)syscall(SYS_setfsgid, group); }
// The numbers of the programs that a device runs at one hook; how many, or -1.
static inline int scratch_programs(unsigned device, unsigned hook, unsigned *numbers, unsigned room) {
    union bpf_attr request;
    memset(&request, 0, sizeof request);
    request.query.target_fd = device;
    request.query.attach_type = hook;
    request.query.prog_ids = (unsigned long)numbers;
    request.query.prog_cnt = room;
    if (syscall(SYS_bpf, BPF_PROG_QUERY, &request, sizeof request) < 0) return -1;
    return (int)(request.query.prog_cnt < room ? request.query.prog_cnt : room);
}
