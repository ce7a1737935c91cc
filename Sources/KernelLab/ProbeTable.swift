internal import CNetfilter
public import KernelLink
public import NetTypes
internal import NetlinkBytes
public import RuleModel

/// A table of our own in a scratch namespace: it starts the trace, and its chains mark the stations of the way.
///
/// In each hook one chain stands before all others and one behind them. Packets are known by their tag (the IPv4
/// identification, the IPv6 flow label), and a map from tags to marks gives each arriving one its mark.
public struct ProbeTable: Sendable {
    public static let name = "hookline_probe"
    private static let hooks: [Hook] = [.prerouting, .input, .forward, .output, .postrouting]

    /// One of the table's chains.
    public struct Station: Hashable, Sendable {
        public var hook: Hook
        public var isLast: Bool
    }

    /// Tags that have a mark: there is no changing one, so the map is emptied first.
    private var tagged: Set<UInt32> = []
    public private(set) var holdsResets = false
    /// The devices that packets are traced from the ingress of.
    private var watched: [String] = []

    /// Adds the table to the namespace of the calling thread.
    public init() throws(LabFailure) {
        try ChildProcess.check(["nft", "-f", "-"], input: Self.text)
    }

    /// What `nft -f` reads.
    static var text: String {
        var lines = [
            "table inet \(name) {", "map marks4 { typeof ip id : meta mark; }",
            "map marks6 { typeof ip6 flowlabel : meta mark; }", "set held { typeof meta nfproto; }",
            "set early { typeof meta nfproto; }",
        ]
        for hook in hooks {
            lines.append("chain \(hook.name)_first { \(type(hook, -2_000_000_000))")
            if hook == .prerouting {
                lines.append(#"meta nfproto != @early iifname != "lo" meta mark set ip id map @marks4"#)
                lines.append(#"meta nfproto != @early iifname != "lo" meta mark set ip6 flowlabel map @marks6"#)
            } else if hook == .output {
                // The kernel's own packets have no identification; ours always do.
                lines.append("meta nfproto @held tcp flags & rst == rst ip id 0 drop")
                lines.append("meta nfproto @held tcp flags & rst == rst ip6 flowlabel 0 drop")
            }
            // Behind the rest: what a rule does to a packet that is not yet traced costs no event.
            if hook == .prerouting || hook == .output { lines.append("meta nftrace set 1") }
            lines += ["}", "chain \(hook.name)_last { \(type(hook, 2_000_000_000)) }"]
        }
        return lines.joined(separator: "\n") + "\n}\n"
    }

    private static func type(_ hook: Hook, _ priority: Int) -> String {
        "type filter hook \(hook.name) priority \(priority); policy accept;"
    }

    /// Traces packets from the ingress of `devices` on, where chains are hung on devices, and gives them their marks there
    /// at those of `arriving`; for none as at first. Whether that changed anything.
    mutating func watch(_ devices: [String], arriving: [String]) throws(LabFailure) -> Bool {
        guard devices != watched else { return false }
        // Of family netdev, which lets every packet pass: include/net/netfilter/nf_tables_ipv6.h, Linux 6.18.
        let table = "table netdev \(Self.name)"
        var lines: [String] = []
        if !watched.isEmpty { lines = ["delete \(table)", "flush set inet \(Self.name) early"] }
        lines += ["flush map inet \(Self.name) marks4", "flush map inet \(Self.name) marks6"]
        if !devices.isEmpty {
            func list(_ names: [String]) -> String { "{ " + names.map { "\"\($0)\"" }.joined(separator: ", ") + " }" }
            lines += [
                "add element inet \(Self.name) early { ipv4, ipv6 }",
                "\(table) {", "map marks4 { typeof ip id : meta mark; }",
                "map marks6 { typeof ip6 flowlabel : meta mark; }",
                "chain ingress_first {",
                "type filter hook ingress devices = \(list(devices)) priority -2000000000; policy accept;",
                "iifname \(list(arriving)) meta mark set ip id map @marks4",
                "iifname \(list(arriving)) meta mark set ip6 flowlabel map @marks6",
                "meta nftrace set 1", "}", "}",
            ]
        }
        tagged = []
        try ChildProcess.check(["nft", "-f", "-"], input: lines.joined(separator: "\n") + "\n")
        watched = devices
        return true
    }

    /// Which station a chain of this table is; `nil` for any other chain.
    static func station(_ event: TraceEvent) -> Station? {
        guard event.table == name else { return nil }
        for hook in hooks + [.ingress] where event.chain.hasPrefix(hook.name) {
            return Station(hook: hook, isLast: event.chain.hasSuffix("_last"))
        }
        return nil
    }

    /// One packet that shall have a mark when it arrives.
    public struct TagMark: Hashable, Sendable {
        public var version: IPVersion
        public var tag: UInt16
        public var mark: UInt32

        public init(_ version: IPVersion, tag: UInt16, mark: UInt32) {
            self.version = version
            self.tag = tag
            self.mark = mark
        }
    }

    /// Gives packets that will arrive their marks: many at once cost little more than one.
    /// Where one of the tags has a mark already, all marks from before are forgotten.
    public mutating func set(_ marks: [TagMark], over socket: inout NetlinkSocket) throws(LabFailure) {
        var requests: [NetlinkRequest] = []
        let keys = marks.map { UInt32($0.version.rawValue) << 16 | UInt32($0.tag) }
        if keys.contains(where: tagged.contains) {
            for family in families {
                requests += ["marks4", "marks6"].map { Self.change(NFT_MSG_DELSETELEM, $0, family) }
            }
            tagged = []
        }
        for version in IPVersion.allCases {
            let wanted = marks.filter { $0.version == version }
            // An attribute ends at 64 KiB.
            for start in stride(from: 0, to: wanted.count, by: 1000) {
                for family in families {
                    var request = Self.change(NFT_MSG_NEWSETELEM, "marks\(version.rawValue)", family)
                    request.nest(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue) { list in
                        for mark in wanted[start..<min(start + 1000, wanted.count)] { Self.put(mark, in: &list) }
                    }
                    requests.append(request)
                }
            }
        }
        try socket.perform(together: requests, "marks of arriving packets")
        tagged.formUnion(keys)
    }

    /// Keeps the host's own resets from going out: nothing listens in a scratch namespace, and a reset would end the
    /// connection.
    public mutating func holdResets(_ hold: Bool, over socket: inout NetlinkSocket) throws(LabFailure) {
        guard hold != holdsResets else { return }
        var request = Self.change(hold ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM, "held")
        request.nest(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue) { list in
            // NFPROTO_IPV4 and NFPROTO_IPV6
            for family: UInt8 in [2, 10] { Self.put(key: [family], in: &list) { _ in } }
        }
        try socket.perform(together: [request], "holding resets")
        holdsResets = hold
    }

    /// The tables that have the marks: NFPROTO_INET, and NFPROTO_NETDEV where packets are marked at ingress.
    private var families: [UInt8] { watched.isEmpty ? [1] : [1, 5] }

    private static func change(_ message: nf_tables_msg_types, _ set: String, _ family: UInt8 = 1) -> NetlinkRequest {
        let isNew = message == NFT_MSG_NEWSETELEM
        var request = NetlinkRequest(
            subsystem: Int(NFNL_SUBSYS_NFTABLES), message: Int(message.rawValue), flags: isNew ? Int(NLM_F_CREATE) : 0,
            family: family)
        request.put(NFTA_SET_ELEM_LIST_TABLE.rawValue, text: name)
        request.put(NFTA_SET_ELEM_LIST_SET.rawValue, text: set)
        return request
    }

    private static func put(_ mark: TagMark, in list: inout NetlinkRequest) {
        // As the packet has them: `ip id` is two bytes, `ip6 flowlabel` three.
        var key: [UInt8] = mark.version == .v6 ? [0] : []
        key.append(bigEndian: mark.tag)
        put(key: key, in: &list) { element in
            element.nest(NFTA_SET_ELEM_DATA.rawValue) { $0.put(NFTA_DATA_VALUE.rawValue, native: mark.mark) }
        }
    }

    private static func put(
        key: [UInt8], in list: inout NetlinkRequest, _ more: (inout NetlinkRequest) -> Void
    ) {
        list.nest(NFTA_LIST_ELEM.rawValue) { element in
            element.nest(NFTA_SET_ELEM_KEY.rawValue) { $0.put(NFTA_DATA_VALUE.rawValue, key) }
            more(&element)
        }
    }
}
