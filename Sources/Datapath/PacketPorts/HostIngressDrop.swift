// Keeping the host's own stack away from a port's frames.
//
// A ring sees copies: the host's IP stack still receives each frame, answers pings on it, forwards
// it, or resets connections that it does not know. An interface that belongs to a switch must not
// do that, so a program at its tc ingress drops everything, but for frames of express flows, which
// it sends on. Rings are served before tc ingress, so they still see every frame.
//
//     driver -> rings (copies for us) -> tc ingress: drop, or redirect -> (host's stack: never)
//
// On Linux 6.6 and later the program is attached by a *tcx link*, which lasts as long as its
// descriptor: nothing is left behind, however this process ends. Older kernels get a filter in a
// clsact qdisc, which outlives a crash; the next attach replaces it.

internal import CLinuxPacket
internal import Glibc
internal import KernelPrograms

/// While this value lives, the host's stack receives nothing from the interface. What the host
/// sends by the interface is not affected.
public struct HostIngressDrop: ~Copyable {
    /// How the program was attached.
    public enum Mechanism: Hashable, Sendable { case tcxLink, clsactFilter }

    public let mechanism: Mechanism
    public let interface: InterfaceFacts
    /// The link. A filter needs none: the kernel keeps its program.
    private let descriptor: Descriptor
    private let madeQdisc: Bool

    /// - Parameters:
    ///   - mechanism: `nil` as a rule: the tcx link where the kernel has it.
    ///   - express: Whose frames are sent on. The program is the table's; it must outlive this.
    /// - Throws: `.notPermitted` without CAP_NET_ADMIN and CAP_BPF, `.unsupported` on a kernel with
    ///   neither mechanism, or what the kernel said.
    public init(
        interface: InterfaceFacts, mechanism: Mechanism? = nil, express: ExpressHooks? = nil
    ) throws(PortError) {
        let drop = try KernelProgram.load(
            ExpressPrograms.drop, type: KernelProgram.ingress, name: "apus_drop",
            interface: interface.name)
        let program = express?.carryOut ?? drop.number
        if mechanism != .clsactFilter {
            let link = apus_ingress_link(program, interface.index)
            // What kernels without tcx say to the unknown kind of link.
            let error = errno
            let isUnknown = link < 0 && (error == EINVAL || error == ENOTSUP)
            if isUnknown && mechanism == .tcxLink {
                throw PortError(
                    .unsupported, interface: interface.name, call: "bpf(BPF_LINK_CREATE)",
                    errorNumber: error)
            }
            if !isUnknown {
                descriptor = try Descriptor(
                    link, interface: interface.name, call: "bpf(BPF_LINK_CREATE)")
                self.mechanism = .tcxLink
                self.interface = interface
                madeQdisc = false
                return
            }
        }
        madeQdisc = try ClsactFilter.attach(program: program, to: interface)
        descriptor = drop
        self.mechanism = .clsactFilter
        self.interface = interface
    }

    deinit {
        // A tcx link ends with its descriptor. A filter may be gone already, with its interface or
        // by hand; then there is nothing to do.
        if mechanism == .clsactFilter {
            ClsactFilter.detach(from: interface, withQdisc: madeQdisc)
        }
    }
}
