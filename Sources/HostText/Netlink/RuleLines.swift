import NetTypes
import NetlinkBytes
import RuleModel

/// What `ip rule` shows of one version's rules. Source: iproute2's ip/iprule.c `print_rule`, 6.1, and for what is newer
/// 6.12.
func writePolicyRules(_ payloads: [[UInt8]], _ version: IPVersion, _ tables: TableWords) -> [UInt8] {
    var lines = LineWriter()
    for payload in payloads {
        guard payload.count >= 12, payload[0] == family(version) else { continue }
        // struct fib_rule_hdr
        lines.add(rule: MessageParts(payload, after: 12), version, tables)
    }
    return lines.bytes
}

/// Source: FRA_… of include/uapi/linux/fib_rules.h, Linux 6.18.
private enum Attribute {
    static let destination = 1
    static let source = 2
    static let inInterface = 3
    static let target = 4
    static let priority = 6
    static let mark = 10
    static let flow = 11
    static let tunnel = 12
    static let suppressedGroup = 13
    static let suppressedLength = 14
    static let table = 15
    static let markMask = 16
    static let outInterface = 17
    static let vrf = 19
    static let users = 20
    static let maker = 21
    static let transport = 22
    static let sourcePorts = 23
    static let destinationPorts = 24
    static let codePoint = 25
    static let flowLabel = 26
    static let flowLabelMask = 27
    static let sourcePortMask = 28
    static let destinationPortMask = 29
    static let codePointMask = 30
}

extension LineWriter {
    fileprivate mutating func add(rule: MessageParts, _ version: IPVersion, _ tables: TableWords) {
        let flags = rule.header(UInt32.self, at: 8)
        add("\(rule.word(Attribute.priority) ?? 0):\t")
        // FIB_RULE_INVERT
        if flags & 2 != 0 { add("not ") }
        let sourceLength = rule.header(UInt8.self, at: 2)
        let source = rule.address(Attribute.source)
        if source != nil || sourceLength > 0 {
            add("from", prefixText(source ?? .zero(version), sourceLength))
        } else {
            add("from all ")
        }
        let length = rule.header(UInt8.self, at: 1)
        if let destination = rule.address(Attribute.destination) {
            add("to", prefixText(destination, length))
        } else if length > 0 {
            add("to", prefixText(.zero(version), length))
        }
        let tos = rule.header(UInt8.self, at: 3)
        if tos != 0 { add("tos", hexadecimal(tos)) }
        addMark(rule)
        addInterfaces(rule, flags)
        if let users = rule.value(Attribute.users), users.count >= 8 {
            let first = rule.bytes.span.native(UInt32.self, at: users.lowerBound)
            add("uidrange", "\(first)-\(rule.bytes.span.native(UInt32.self, at: users.lowerBound + 4))")
        }
        if let number = rule.byte(Attribute.transport) { add("ipproto", IPProtocol(number).name ?? "\(number)") }
        addPorts("sport", rule, Attribute.sourcePorts, mask: Attribute.sourcePortMask)
        addPorts("dport", rule, Attribute.destinationPorts, mask: Attribute.destinationPortMask)
        addNewer(rule)
        if let tunnel = rule.network(Attribute.tunnel) { add("tun_id", "\(tunnel)") }
        addAction(rule, flags, tables)
        if let maker = rule.byte(Attribute.maker), maker != 0, maker != 2 { add("proto", makerName(maker)) }
        endLine()
    }

    private mutating func addMark(_ rule: MessageParts) {
        let mark = rule.word(Attribute.mark)
        let mask = rule.word(Attribute.markMask)
        guard mark != nil || mask != nil else { return }
        let word = hexadecimal(mark ?? 0)
        add("fwmark", mask.map { $0 == .max ? word : word + "/" + hexadecimal($0) } ?? word)
    }

    private mutating func addInterfaces(_ rule: MessageParts, _ flags: UInt32) {
        // FIB_RULE_IIF_DETACHED and FIB_RULE_OIF_DETACHED
        for (word, type, detached) in [
            ("iif", Attribute.inInterface, UInt32(8)), ("oif", Attribute.outInterface, UInt32(16)),
        ] {
            guard let name = rule.name(type) else { continue }
            add(word, name)
            if flags & detached != 0 { add("[detached] ") }
        }
        if (rule.byte(Attribute.vrf) ?? 0) != 0 { add("lookup [l3mdev-table] ") }
    }

    private mutating func addPorts(_ word: String, _ rule: MessageParts, _ type: Int, mask: Int) {
        // struct fib_rule_port_range, in the machine's order.
        guard let value = rule.value(type), value.count >= 4 else { return }
        let first = rule.bytes.span.native(UInt16.self, at: value.lowerBound)
        let last = rule.bytes.span.native(UInt16.self, at: value.lowerBound + 2)
        if let mask = rule.half(mask), mask != .max {
            add(word, "\(hexadecimal(first))/\(hexadecimal(mask))")
        } else {
            add(word, first == last ? "\(first)" : "\(first)-\(last)")
        }
    }

    /// What kernels from 6.13 on have, which no older `ip` shows.
    private mutating func addNewer(_ rule: MessageParts) {
        if let point = rule.byte(Attribute.codePoint) {
            let mask = rule.byte(Attribute.codePointMask) ?? 0x3f
            add("dscp", mask == 0x3f ? "\(point)" : "\(hexadecimal(point))/\(hexadecimal(mask))")
        }
        if let label = rule.network(Attribute.flowLabel) {
            let mask = rule.network(Attribute.flowLabelMask) ?? 0xfffff
            add("flowlabel", hexadecimal(label) + (mask == 0xfffff ? "" : "/" + hexadecimal(mask)))
        }
    }

    private mutating func addAction(_ rule: MessageParts, _ flags: UInt32, _ tables: TableWords) {
        let action = rule.header(UInt8.self, at: 7)
        let table = rule.word(Attribute.table) ?? UInt32(rule.header(UInt8.self, at: 4))
        if table != 0 {
            add("lookup", tables.word(table))
            // -1 for none
            if let length = rule.word(Attribute.suppressedLength), length != .max {
                add("suppress_prefixlength", "\(length)")
            }
            if let group = rule.word(Attribute.suppressedGroup), group != .max { add("suppress_ifgroup", "\(group)") }
        }
        if let flow = rule.word(Attribute.flow), flow != 0 { add("realms", realmText(flow)) }
        switch action {
        // FR_ACT_…: what is left of 1, a table, is said above.
        case 1: break
        case 2:
            add("goto", rule.word(Attribute.target).map { "\($0)" } ?? "none")
            // FIB_RULE_UNRESOLVED
            if flags & 4 != 0 { add("[unresolved] ") }
        case 3: add("nop ")
        case 6: add("blackhole ")
        case 7: add("unreachable ")
        case 8: add("prohibit ")
        default: add("\(action) ")
        }
    }
}
