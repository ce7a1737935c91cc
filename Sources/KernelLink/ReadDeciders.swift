internal import CNetfilter
internal import Glibc
internal import NetlinkBytes
internal import RuleModel
internal import SourceText

// What decides about packets beside the rules.

extension HostDump {
    /// Traffic control and the filters in it, of the devices that have a place for filters.
    mutating func readTrafficControl() throws(KernelFailure) {
        let all = try ask(Int(RTM_GETQDISC), device: 0, parent: 0)
        var found: [[UInt8]] = []
        for payload in all {
            let bytes = payload.span
            // struct tcmsg; TCA_KIND. Source: include/uapi/linux/rtnetlink.h, Linux 6.18.
            guard bytes.count >= 20, let kind = kind(of: bytes) else { continue }
            let device = bytes.native(UInt32.self, at: 4)
            // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS) and TC_H_MIN_EGRESS
            let parents: [UInt32] =
                switch kind {
                case "clsact": [0xffff_fff2, 0xffff_fff3]
                case "ingress": [0xffff_fff2]
                default: []
                }
            for parent in parents {
                found += try ask(Int(RTM_GETTFILTER), device: device, parent: parent)
            }
        }
        (disciplines, filters) = (all, found)
    }

    private func kind(of bytes: Span<UInt8>) -> String? {
        var walk = AttributeWalk(bytes, after: 20)
        while let attribute = walk.next(in: bytes) {
            guard attribute.type == 1 else { continue }
            return String(decoding: bytes.copied(attribute.value).prefix { $0 != 0 }, as: UTF8.self)
        }
        return nil
    }

    private func ask(_ type: Int, device: UInt32, parent: UInt32) throws(KernelFailure) -> [[UInt8]] {
        var header = [UInt8](repeating: 0, count: 4)
        header.append(native: device)
        header.append(native: UInt32(0))
        header.append(native: parent)
        header.append(native: UInt32(0))
        var socket = try NetlinkSocket(.route)
        do throws(KernelFailure) {
            return try socket.dump(NetlinkRequest(type: type, header: header), "traffic control")
        } catch {
            // A kernel without it, or a device that went away.
            guard error.code == EOPNOTSUPP || error.code == ENODEV else { throw error }
            return []
        }
    }

    /// IPsec policies. A state has keys, and is never asked for.
    ///
    /// Source: net/xfrm/xfrm_user.c, Linux 6.18: XFRM_MSG_GETPOLICY with `struct xfrm_userpolicy_id`.
    mutating func readTransformPolicies() throws(KernelFailure) {
        transformPolicies = []
        guard Self.isAnswered(.transform) else { return }
        var socket = try NetlinkSocket(.transform)
        let request = NetlinkRequest(type: 0x15, header: [UInt8](repeating: 0, count: 64))
        transformPolicies = try socket.dump(request, "IPsec policies")
        // XFRM_MSG_GETDEFAULT with `struct xfrm_userpolicy_default`; no kernel before 5.15 knows it.
        let defaults = NetlinkRequest(type: 0x28, header: [0, 0, 0, 0])
        do throws(KernelFailure) {
            transformDefaults = try socket.get(defaults, "IPsec defaults").first.map { Array($0.prefix(3)) }
        } catch {
            guard error.code == EOPNOTSUPP || error.code == EINVAL else { throw error }
        }
    }

    /// Whether a part of the kernel listens on this bus now: it has a socket with the number 0 there. To open one where
    /// none does would load a module.
    private static func isAnswered(_ bus: NetlinkSocket.Bus) -> Bool {
        guard let text = try? readFile("/proc/thread-self/net/netlink", limit: 1 << 26) else { return false }
        for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
            let words = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
            guard words.count > 3 else { continue }
            if words[1].elementsEqual("\(bus.rawValue)".utf8), words[2].elementsEqual("0".utf8) { return true }
        }
        return false
    }

    /// Virtual services, which /proc tells of where ip_vs is loaded.
    mutating func readVirtualServices() throws(KernelFailure) {
        do throws(FileFailure) {
            virtualServices = try readFile("/proc/thread-self/net/ip_vs", limit: 1 << 28)
        } catch {
            guard error.code == ENOENT else {
                throw KernelFailure(call: error.call, code: error.code, words: error.path)
            }
            virtualServices = []
        }
    }

    /// Programs that a device runs of each packet beside the filters of traffic control (Linux 6.6 and later).
    mutating func readPrograms() throws(KernelFailure) {
        // BPF_TCX_INGRESS, …_EGRESS, BPF_NETKIT_PRIMARY and …_PEER: include/uapi/linux/bpf.h, Linux 6.18.
        let hooks: [(type: UInt32, name: String)] = [
            (46, "tcx/ingress"), (47, "tcx/egress"), (54, "netkit/primary"), (55, "netkit/peer"),
        ]
        for payload in links ?? [] where payload.count >= 8 {
            let device = payload.span.native(UInt32.self, at: 4)
            for hook in hooks {
                var numbers = [UInt32](repeating: 0, count: 64)
                let count = unsafe scratch_programs(device, hook.type, &numbers, UInt32(numbers.count))
                if count < 0 {
                    // No such hook at this device, or in this kernel; or no such call at all.
                    if [EINVAL, ENODEV, EOPNOTSUPP, ENOSYS, ENXIO, ENOENT].contains(errno) { continue }
                    throw .last("bpf", "BPF_PROG_QUERY")
                }
                for id in numbers.prefix(Int(count)) {
                    programs.append(AttachedProgram(interface: device, hook: hook.name, id: id))
                }
            }
        }
    }
}
