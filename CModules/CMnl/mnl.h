// libmnl: netlink messages as arithmetic over memory that the caller lends.
#include <libmnl/libmnl.h>
