internal import CNetfilter
internal import Glibc
internal import NetlinkBytes
public import RuleModel

extension KernelDump {
    /// Reads all of it in the calling thread's network namespace, at one generation of the rules: where they change
    /// meanwhile, it begins anew, at most eight times.
    ///
    /// Needs CAP_NET_ADMIN there; without it the failure's description is one line that says so.
    public static func read() throws(KernelFailure) -> KernelDump {
        var socket = try NetlinkSocket(.netfilter)
        for _ in 0..<8 {
            let before = try generation(&socket)
            var read = try readOnce(&socket)
            if try generation(&socket) == before {
                read.interfaces = try readInterfaces()
                if asksForIpsets(read.rules) { read.ipsets = try readIpsets() }
                return read
            }
        }
        throw KernelFailure(
            call: "reading nf_tables", code: EAGAIN, words: "the rules changed eight times while they were read")
    }

    private static func request(_ message: Int, family: UInt8 = 0) -> NetlinkRequest {
        NetlinkRequest(subsystem: Int(NFNL_SUBSYS_NFTABLES), message: message, family: family)
    }

    private static func generation(_ socket: inout NetlinkSocket) throws(KernelFailure) -> UInt64 {
        do throws(KernelFailure) {
            for payload in try socket.get(request(Int(NFT_MSG_GETGEN.rawValue))) {
                let span = payload.span
                var walk = AttributeWalk(span, after: 4)
                while let attribute = walk.next(in: span) {
                    if attribute.type == Int(NFTA_GEN_ID.rawValue) { return span.bigEndian(attribute.value) }
                }
            }
            throw KernelFailure(call: "reading nf_tables", code: 0, words: "the kernel tells no generation")
        } catch {
            guard error.code == EPERM else { throw error }
            throw KernelFailure(
                call: "reading the rules of this machine", code: EPERM,
                words: "it needs CAP_NET_ADMIN; run it as root, or give it a snapshot made as root")
        }
    }

    private static func readOnce(_ socket: inout NetlinkSocket) throws(KernelFailure) -> KernelDump {
        var read = KernelDump()
        read.tables = try socket.dump(request(Int(NFT_MSG_GETTABLE.rawValue)), "tables")
        if read.tables.isEmpty { return read }
        read.chains = try socket.dump(request(Int(NFT_MSG_GETCHAIN.rawValue)), "chains")
        read.sets = try socket.dump(request(Int(NFT_MSG_GETSET.rawValue)), "sets")
        for set in read.sets {
            guard let wanted = elements(of: set) else { continue }
            do throws(KernelFailure) {
                read.elements += try socket.dump(wanted, "elements")
            } catch {
                // The set went away: the generation tells that too.
                if error.code != ENOENT { throw error }
            }
        }
        read.objects = try socket.dump(request(Int(NFT_MSG_GETOBJ.rawValue)), "objects")
        read.flowtables = try socket.dump(request(Int(NFT_MSG_GETFLOWTABLE.rawValue)), "flowtables")
        read.rules = try readRules(&socket, read.chains)
        return read
    }

    /// All rules at once, or where chains are long those of one chain after the other: for each 32 KiB of a dump the
    /// kernel walks anew from the first rule (net/netfilter/nf_tables_api.c `__nf_tables_dump_rules`, Linux 6.18).
    private static func readRules(
        _ socket: inout NetlinkSocket, _ chains: [[UInt8]]
    ) throws(KernelFailure) -> [[UInt8]] {
        var uses: UInt64 = 0
        for chain in chains {
            guard let use = attribute(Int(NFTA_CHAIN_USE.rawValue), of: chain) else { continue }
            uses += use.span.bigEndian(0..<use.count)
        }
        let whole = request(Int(NFT_MSG_GETRULE.rawValue))
        guard uses > 4000, uses / 16 > chains.count else { return try socket.dump(whole, "rules") }
        var rules: [[UInt8]] = []
        for chain in chains {
            guard let table = attribute(Int(NFTA_CHAIN_TABLE.rawValue), of: chain),
                let name = attribute(Int(NFTA_CHAIN_NAME.rawValue), of: chain), let family = chain.first
            else { continue }
            var wanted = request(Int(NFT_MSG_GETRULE.rawValue), family: family)
            wanted.put(NFTA_RULE_TABLE.rawValue, table)
            wanted.put(NFTA_RULE_CHAIN.rawValue, name)
            let found = try socket.dump(wanted, "rules")
            // A kernel that heeds no chain sends others too.
            if let first = found.first, attribute(Int(NFTA_RULE_CHAIN.rawValue), of: first) != name {
                return try socket.dump(whole, "rules")
            }
            if let last = found.last, attribute(Int(NFTA_RULE_CHAIN.rawValue), of: last) != name {
                return try socket.dump(whole, "rules")
            }
            rules += found
        }
        return rules
    }

    /// Asks for the elements of the set that a message describes.
    private static func elements(of set: [UInt8]) -> NetlinkRequest? {
        let span = set.span
        guard let family = set.first else { return nil }
        var wanted = request(Int(NFT_MSG_GETSETELEM.rawValue), family: family)
        var walk = AttributeWalk(span, after: 4)
        var found = 0
        while let attribute = walk.next(in: span) {
            if attribute.type == Int(NFTA_SET_TABLE.rawValue) {
                wanted.put(NFTA_SET_ELEM_LIST_TABLE.rawValue, span.copied(attribute.value))
                found += 1
            } else if attribute.type == Int(NFTA_SET_NAME.rawValue) {
                wanted.put(NFTA_SET_ELEM_LIST_SET.rawValue, span.copied(attribute.value))
                found += 1
            }
        }
        return found == 2 ? wanted : nil
    }

    private static func readInterfaces() throws(KernelFailure) -> [UInt32: [UInt8]] {
        var socket = try NetlinkSocket(.route)
        // struct ifinfomsg
        let wanted = NetlinkRequest(type: Int(RTM_GETLINK), header: [UInt8](repeating: 0, count: 16))
        var names: [UInt32: [UInt8]] = [:]
        for payload in try socket.dump(wanted, "links") {
            let span = payload.span
            let index = span.native(UInt32.self, at: 4)
            var walk = AttributeWalk(span, after: 16)
            while let attribute = walk.next(in: span) {
                if index > 0, attribute.type == 3 {
                    names[index] = Array(span.copied(attribute.value).prefix { $0 != 0 })
                }
            }
        }
        return names
    }

    /// Whether a rule has a match `set` or a target `SET` of x_tables. Without one the kernel is not asked for ipsets:
    /// that would load the module.
    private static func asksForIpsets(_ rules: [[UInt8]]) -> Bool {
        var names: [[UInt8]] = []
        for name in ["set", "SET"] {
            // NFTA_MATCH_NAME and NFTA_TARGET_NAME have one number.
            var attribute: [UInt8] = []
            attribute.append(native: UInt16(8))
            attribute.append(native: UInt16(NFTA_MATCH_NAME.rawValue))
            names.append(attribute + Array(name.utf8) + [0])
        }
        for rule in rules {
            let bytes = rule.span
            for offset in stride(from: 4, to: bytes.count - 7, by: 4) {
                for name in names where bytes[offset] == name[0] && bytes[offset + 4] == name[4] {
                    if bytes.copied(offset..<offset + 8) == name { return true }
                }
            }
        }
        return false
    }

    /// Names of ipsets by the numbers that rules hold.
    ///
    /// Source: include/uapi/linux/netfilter/ipset/ip_set.h, Linux 6.18: protocol 7, which came with Linux 4.20; an older
    /// kernel tells no numbers, and its sets have no names here.
    private static func readIpsets() throws(KernelFailure) -> [UInt16: [UInt8]] {
        let (list, getByName) = (7, 14)
        let (protocolVersion, setName, flags, index) = (1, 2, 6, 11)
        let isInNetworkOrder = 0x4000
        func request(_ command: Int) -> NetlinkRequest {
            var request = NetlinkRequest(
                subsystem: Int(NFNL_SUBSYS_IPSET), message: command, family: UInt8(AF_INET))
            request.put(protocolVersion, [7])
            return request
        }
        var socket = try NetlinkSocket(.netfilter)
        var names: [UInt16: [UInt8]] = [:]
        do throws(KernelFailure) {
            var wanted = request(list)
            // IPSET_FLAG_LIST_SETNAME: names alone.
            wanted.put(flags | isInNetworkOrder, bigEndian: UInt32(1 << 1))
            for payload in try socket.dump(wanted, "ipsets") {
                guard let name = attribute(setName, of: payload) else { continue }
                var one = request(getByName)
                one.put(setName, name)
                for answer in try socket.get(one, "ipset") {
                    guard let number = attribute(index, of: answer), number.count == 2 else { continue }
                    names[UInt16(truncatingIfNeeded: number.span.bigEndian(0..<2))] = Array(name.prefix { $0 != 0 })
                }
            }
        } catch {
            // Gone meanwhile, or a kernel that knows no such request: the rules keep what has no name as unknown.
            return names
        }
        return names
    }

    private static func attribute(_ type: Int, of payload: [UInt8]) -> [UInt8]? {
        let span = payload.span
        var walk = AttributeWalk(span, after: 4)
        while let attribute = walk.next(in: span) {
            if attribute.type == type { return span.copied(attribute.value) }
        }
        return nil
    }
}
