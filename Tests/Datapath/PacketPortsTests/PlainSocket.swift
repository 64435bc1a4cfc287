// The other end of a port under test, written without the code under test: an AF_PACKET socket
// without ring or virtio header, which reads the outer VLAN tag from PACKET_AUXDATA.

import CLinuxPacket
import Glibc

struct PlainFrame: Equatable {
    var octets: [UInt8]
    var vlanTPID: UInt16 = 0
    var vlanTCI: UInt16 = 0
}

final class PlainSocket {
    let descriptor: CInt

    /// On the interface `name` of the calling thread's namespace.
    init(_ name: String) throws {
        descriptor = apus_packet_socket()
        guard descriptor >= 0,
            apus_packet_set(descriptor, 8, 1) == 0,  // PACKET_AUXDATA
            apus_packet_set(descriptor, PACKET_IGNORE_OUTGOING, 1) == 0,
            apus_packet_bind(descriptor, CInt(if_nametoindex(name)), 1) == 0,
            apus_packet_make_promiscuous(descriptor, CInt(if_nametoindex(name))) == 0
        else { throw Refused(description: "plain socket on \(name): \(errno)") }
        var size: CInt = 64 << 20
        setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &size, 4)
        apus_socket_set_send_buffer(descriptor, size)
    }

    deinit { close(descriptor) }

    func send(_ octets: [UInt8]) throws {
        guard Glibc.send(descriptor, octets, octets.count, 0) == octets.count else {
            throw Refused(description: "plain send of \(octets.count) bytes: \(errno)")
        }
    }

    /// The next frame; waits for it up to 2 s.
    func receive() throws -> PlainFrame {
        guard waitUntilReadable(descriptor) else { throw Refused(description: "no frame came") }
        var octets = [UInt8](repeating: 0, count: 70_000)
        var control = [UInt8](repeating: 0, count: 64)
        let count = octets.withUnsafeMutableBytes { octets in
            control.withUnsafeMutableBytes { control in
                var vector = iovec(iov_base: octets.baseAddress, iov_len: octets.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = control.count
                    return recvmsg(descriptor, &message, 0)
                }
            }
        }
        guard count >= 0 else { throw Refused(description: "plain receive: \(errno)") }
        var frame = PlainFrame(octets: Array(octets[..<count]))
        // cmsghdr of 16 bytes, then struct tpacket_auxdata.
        control.withUnsafeBytes { control in
            let status = control.load(fromByteOffset: 16, as: UInt32.self)
            guard status & UInt32(TP_STATUS_VLAN_VALID) != 0 else { return }
            frame.vlanTCI = control.load(fromByteOffset: 32, as: UInt16.self)
            frame.vlanTPID = control.load(fromByteOffset: 34, as: UInt16.self)
        }
        return frame
    }
}

/// A frame of an experimental type (IEEE 802 local experimental 0x88b5) whose bytes depend on
/// `number`, which stands at offset 14 behind no tags, as far as there is room.
func testFrame(_ number: Int = 0, byteCount: Int = 60, tags: [(UInt16, UInt16)] = []) -> [UInt8] {
    var octets: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
    for (tpid, tci) in tags {
        for value in [tpid, tci] { octets += [UInt8(value >> 8), UInt8(value & 0xff)] }
    }
    octets += [0x88, 0xb5]
    octets += (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    while octets.count < byteCount {
        octets.append(UInt8(truncatingIfNeeded: octets.count &* 31 &+ number))
    }
    return Array(octets.prefix(byteCount))
}
