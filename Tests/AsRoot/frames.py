"""Sends frames into the ports of a switch and tells what comes out, tags included.

    frames.py matrix LABEL...      port N has its outer end eN and is called by the Nth label
    frames.py play COUNT           COUNT ports; reads what to send, a frame a line
    frames.py flood PORT COUNT     COUNT frames, each from another address, into one port

One process holds a raw socket on every outer end. Each frame carries a number behind an Ethernet
type that nobody else uses, so all of them can be under way at once. Tags that the kernel has put
aside are read from PACKET_AUXDATA. Prints a line for every cell, sorted; one without output says so.
"""
import select, socket, struct, sys, time

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6
TYPE = 0x88B5  # IEEE 802, local experiments
C, S = 0x8100, 0x88A8
MARK = b"\xa9\x5e"  # before the number of a line, at the end of its frame

KINDS = {
    "untagged": [],
    "priority 0": [(C, 0)],
    "priority 3": [(C, 0x6000)],
    "tag 10": [(C, 10)],
    "tag 10 priority 5": [(C, 0xA00A)],
    "tag 20": [(C, 20)],
    "tag 30": [(C, 30)],
    "service tag 10": [(S, 10)],
    "two tags 10 20": [(C, 10), (C, 20)],
    "two tags 20 10": [(C, 20), (C, 10)],
    "two tags 20 30": [(C, 20), (C, 30)],
    "service 10, tag 20": [(S, 10), (C, 20)],
    "service 20, tag 30 priority 2": [(S, 20), (C, 0x401E)],
}


def mac(port):
    return bytes([2, 0, 0, 0, 1, port])


class Bench:
    def __init__(self, count):
        self.sockets, self.heard, self.number = {}, [], 0
        for port in range(1, count + 1):
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            s.bind((f"e{port}", 3))
            s.setblocking(False)
            self.sockets[port] = s
        self.ports = {s.fileno(): port for port, s in self.sockets.items()}
        self.poll = select.poll()
        for s in self.sockets.values():
            self.poll.register(s, select.POLLIN)

    def send(self, port, tags, destination, source=None, body=b""):
        self.number += 1
        head = destination + (source or mac(port))
        head += b"".join(struct.pack("!HH", tpid, tci) for tpid, tci in tags)
        frame = head + struct.pack("!HI", TYPE, self.number) + body
        self.sockets[port].send(frame.ljust(60, b"\0"))
        return self.number

    def listen(self, seconds):
        """Reads until nothing has come for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for fd, _ in self.poll.poll(left * 1000):
                if self.read(fd):
                    end = time.monotonic() + seconds

    def read(self, fd):
        port, s, some = self.ports[fd], self.sockets[self.ports[fd]], False
        while True:
            try:
                frame, extra, _, address = s.recvmsg(4096, socket.CMSG_SPACE(20))
            except BlockingIOError:
                return some
            if address[2] == PACKET_OUTGOING:
                continue
            tags, at = [], 12
            for level, kind, data in extra:
                if (level, kind) != (SOL_PACKET, PACKET_AUXDATA):
                    continue
                status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", data[:20])
                if status & VLAN_VALID:
                    tags.append((tpid if status & TPID_VALID else C, tci))
            while len(frame) >= at + 6:
                (tpid,) = struct.unpack_from("!H", frame, at)
                if tpid not in (C, S):
                    break
                tags.append((tpid, *struct.unpack_from("!H", frame, at + 2)))
                at += 4
            if frame[6:11] != mac(0)[:5] or len(frame) < at + 6:
                continue
            kind, number = struct.unpack_from("!HI", frame, at)
            if kind != TYPE:
                marked = frame[-4:-2] == MARK
                number = struct.unpack("!H", frame[-2:])[0] if marked else None
            self.heard.append((number, port, tuple(tags), len(frame)))
            some = True


def text(tags):
    names = {C: "", S: "s"}
    one = lambda t: f"{names[t[0]]}{t[1] & 0xFFF}" + (f"p{t[1] >> 13}" if t[1] >> 13 else "")
    return "[" + " ".join(map(one, tags)) + "]"


def matrix(labels):
    bench, cells, sent = Bench(len(labels)), {}, {}
    ports = range(1, len(labels) + 1)
    everyone = b"\xff" * 6
    # Three rounds: the first frames are decided, the others meet what was decided.
    for _ in range(3):
        for port in ports:
            for kind, tags in KINDS.items():
                sent[bench.send(port, tags, everyone)] = ("to all", port, kind, None)
                bench.listen(0.001)
        bench.listen(0.4)
    # Every port's address is known now, in every VLAN that it may send in.
    for port in ports:
        for other in ports:
            for kind, tags in KINDS.items():
                if port != other:
                    sent[bench.send(port, tags, mac(other))] = ("to one", port, kind, other)
                    bench.listen(0.0007)
    bench.listen(0.7)
    for way, port, kind, other in sent.values():
        for out in ports if other is None else [other]:
            if out != port:
                cells.setdefault((way, port, kind, out), set())
    for number, out, tags, _ in bench.heard:
        way, port, kind, other = sent[number]
        if other is None or other == out:
            cells[(way, port, kind, out)].add(tags)
        else:
            cells.setdefault(("to one, but flooded", port, kind, other, out), set()).add(tags)
    for cell in sorted(cells, key=str):
        way, port, kind, *rest = cell
        seen = " and ".join(sorted(map(text, cells[cell]))) or "nothing"
        print(f"{way}: {labels[port - 1]} --({kind})--> {' by '.join(labels[r - 1] for r in rest)}: {seen}")


def total(data):
    """The Internet checksum."""
    data += b"\0" * (len(data) % 2)
    n = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while n >> 16:
        n = (n & 0xFFFF) + (n >> 16)
    return ~n & 0xFFFF


def ipv4(source, destination, protocol, body):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 1, protocol, 0)
    head += socket.inet_aton(source) + socket.inet_aton(destination)
    return head[:10] + struct.pack("!H", total(head)) + head[12:] + body


def ipv6(source, destination, protocol, body, router_alert=False):
    ends = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    if protocol == 58:
        sum_ = total(ends + struct.pack("!II", len(body), 58) + body)
        body = body[:2] + struct.pack("!H", sum_) + body[4:]
    if router_alert:
        body = bytes([protocol, 0, 5, 2, 0, 0, 1, 0]) + body
    return struct.pack("!IHBB", 6 << 28, len(body), 0 if router_alert else protocol, 1) + ends + body


def igmp(kind, group, *, source="10.0.0.1", to=None, more=b"", bad=False):
    body = struct.pack("!BBH", kind, 10, 0) + (more or socket.inet_aton(group))
    body = body[:2] + struct.pack("!H", total(body) ^ (1 if bad else 0)) + body[4:]
    return 0x0800, to or group, ipv4(source, to or group, 2, body)


def mld(kind, group, *, source="fe80::1", to=None, more=None):
    body = struct.pack("!BBHHH", kind, 0, 0, 10, 0) + socket.inet_pton(socket.AF_INET6, group)
    return 0x86DD, to or group, ipv6(source, to or group, 58, more or body, router_alert=True)


def records(groups, address, size):
    """`+GROUP` joins, `-GROUP` leaves."""
    out = struct.pack("!HH", 0, len(groups))
    for group in groups:
        out += struct.pack("!BBH", 4 if group[0] == "+" else 3, 0, 0) + socket.inet_pton(address, group[1:])
    return out


def group_mac(address):
    if ":" in address:
        return b"\x33\x33" + socket.inet_pton(socket.AF_INET6, address)[12:]
    a = socket.inet_aton(address)
    return bytes([1, 0, 0x5E, a[1] & 0x7F, a[2], a[3]])


def packet(verb, argument):
    """Ethernet type, destination address, what follows."""
    match verb:
        case "all":
            return TYPE, b"\xff" * 6, b"\0\0\0\1" + b"x" * int(argument or 46)
        case "to":
            to = mac(int(argument)) if argument.isdigit() else bytes.fromhex(argument.replace(":", ""))
            return TYPE, to, b"\0\0\0\1"
        case "report1" | "report2" | "leave":
            kind = {"report1": 0x12, "report2": 0x16, "leave": 0x17}[verb]
            return igmp(kind, argument, to="224.0.0.2" if verb == "leave" else None)
        case "badreport":
            return igmp(0x16, argument, bad=True)
        case "report3":
            more = records(argument.split(","), socket.AF_INET, 4)
            return igmp(0x22, "0.0.0.0", to="224.0.0.22", more=more)
        case "query":
            return igmp(0x11, "0.0.0.0", source=argument, to="224.0.0.1")
        case "udp":
            return 0x0800, argument, ipv4("10.0.0.1", argument, 17, struct.pack("!HHHH", 9, 9, 8, 0))
        case "mld1" | "done":
            return mld(131 if verb == "mld1" else 132, argument, to=None if verb == "mld1" else "ff02::2")
        case "mld2":
            more = struct.pack("!BBH", 143, 0, 0) + records(argument.split(","), socket.AF_INET6, 16)
            return mld(143, "::", to="ff02::16", more=more)
        case "mldquery":
            return mld(130, "::", source=argument, to="ff02::1")
        case "lldp":
            body = bytes([2, 7, 4, 2, 0, 0, 0, 0, 9, 4, 3, 5, 101, 49, 6, 2, 0, 60, 10, 4, 104, 111, 115, 116, 0, 0])
            return 0x88CC, bytes([1, 0x80, 0xC2, 0, 0, 0xE]), body
        case "udp6":
            return 0x86DD, argument, ipv6("fe80::1", argument, 17, struct.pack("!HHHH", 9, 9, 8, 1))
    raise SystemExit(f"no packet {verb}")


def play(arguments):
    """Lines: PORT VERB [ARGUMENT] [tags=ID[pPRIORITY],...]. Prints each with what came out."""
    bench, lines = Bench(int(arguments[0])), [line.strip() for line in sys.stdin if line.strip()]
    seen = [[] for _ in lines]

    def note(current):
        # A switch that had no processor for a while sends late; only a frame that was cut says
        # nothing of its line, and counts for the one that is being played.
        for number, out, tags, size in bench.heard:
            place = current if number is None else number
            seen[place].append(f"{out}:{text(tags)}" + (f" {size} bytes" if size != 60 else ""))
        bench.heard.clear()

    for place, line in enumerate(lines):
        words, tags = line.split(), []
        if words[-1].startswith("tags="):
            for tag in words.pop()[5:].split(","):
                number, _, priority = tag.partition("p")
                tags.append((C, int(number) | int(priority or 0) << 13))
        kind, to, body = packet(words[1], words[2] if len(words) > 2 else "")
        port = int(words[0])
        head = (to if isinstance(to, bytes) else group_mac(to)) + mac(port)
        head += b"".join(struct.pack("!HH", *tag) for tag in tags)
        frame = (head + struct.pack("!H", kind) + body).ljust(56, b"\0")
        bench.sockets[port].send(frame + MARK + struct.pack("!H", place))
        bench.listen(0.08)
        note(place)
    bench.listen(0.3)
    note(len(lines) - 1)
    for line, outputs in zip(lines, seen):
        print(f"{line} --> {', '.join(sorted(outputs)) or 'nothing'}")


def flood(arguments):
    """Sends as fast as it can; prints how many and in how many seconds."""
    port, count = arguments[0], int(arguments[1])
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((port, 0))
    began, tail = time.monotonic(), struct.pack("!HI", TYPE, 1).ljust(48, b"\0")
    pause = float(arguments[2]) if len(arguments) > 2 else 0
    for number in range(count):
        s.send(b"\x02\0\0\0\1\xfe\x02\x01" + struct.pack("!I", number) + tail)
        if pause and number % 100 == 0:
            time.sleep(pause * 100)
    print(f"{count} frames in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    {"matrix": matrix, "play": play, "flood": flood}[sys.argv[1]](sys.argv[2:])
