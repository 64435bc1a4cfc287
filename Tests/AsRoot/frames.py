"""Sends frames into the ports of a switch and tells what comes out, tags included.

    frames.py matrix LABEL...      port N has its outer end eN and is called by the Nth label

One process holds a raw socket on every outer end. Each frame carries a number behind an Ethernet
type that nobody else uses, so all of them can be under way at once. Tags that the kernel has put
aside are read from PACKET_AUXDATA. Prints a line for every cell, sorted; one without output says so.
"""
import select, socket, struct, sys, time

SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6
TYPE = 0x88B5  # IEEE 802, local experiments
C, S = 0x8100, 0x88A8

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
            if len(frame) < at + 6 or struct.unpack_from("!H", frame, at)[0] != TYPE:
                continue
            self.heard.append((struct.unpack_from("!I", frame, at + 2)[0], port, tuple(tags), len(frame)))
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


if __name__ == "__main__":
    {"matrix": matrix}[sys.argv[1]](sys.argv[2:])
