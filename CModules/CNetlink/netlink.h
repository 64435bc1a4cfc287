// libnl-3 and libnl-route-3: the kernel's network interfaces.
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <netlink/route/link.h>
