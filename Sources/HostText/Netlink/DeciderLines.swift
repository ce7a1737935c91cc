import NetTypes
import NetlinkBytes
import RuleModel
import SourceText

/// What `tc qdisc show` and `tc filter show` print of what can drop or change packets, as far as it is told apart here.
/// Source: iproute2's tc/tc_qdisc.c `print_qdisc` and tc/tc_filter.c `print_filter`, 6.1.
func writeTrafficControl(_ disciplines: [[UInt8]], _ filters: [[UInt8]], _ names: LinkNames) -> [UInt8] {
    var lines = LineWriter()
    for payload in disciplines {
        // struct tcmsg
        let entry = MessageParts(payload, after: 20)
        guard let kind = entry.name(1) else { continue }
        lines.add("qdisc", kind)
        lines.add(String(entry.header(UInt32.self, at: 8) >> 16, radix: 16) + ": ")
        lines.add("dev", names.name(entry.header(UInt32.self, at: 4)))
        let parent = entry.header(UInt32.self, at: 12)
        lines.add(parent == .max ? "root" : "parent \(handleWord(parent))")
        lines.endLine()
    }
    for payload in filters {
        let entry = MessageParts(payload, after: 20)
        guard let kind = entry.name(1) else { continue }
        lines.add("filter dev ")
        lines.add(names.name(entry.header(UInt32.self, at: 4)))
        lines.add(entry.header(UInt32.self, at: 12) & 0xffff == 0xfff3 ? " egress " : " ingress ")
        let information = entry.header(UInt32.self, at: 16)
        lines.add("pref", "\(information >> 16)")
        lines.add(kind)
        lines.add(" ")
        let handle = entry.header(UInt32.self, at: 8)
        if handle != 0 { lines.add("handle", hexadecimal(handle)) }
        // TCA_OPTIONS with TCA_BPF_NAME and TCA_BPF_FLAGS
        if kind.elementsEqual("bpf".utf8), let options = entry.nest(2) {
            if let name = options.name(7) {
                lines.add(name)
                lines.add(" ")
            }
            if options.word(8).map({ $0 & 1 != 0 }) == true { lines.add("direct-action ") }
        }
        lines.endLine()
    }
    return lines.bytes
}

private func handleWord(_ handle: UInt32) -> String {
    String(handle >> 16, radix: 16) + ":" + (handle & 0xffff == 0 ? "" : String(handle & 0xffff, radix: 16))
}

/// What `bpftool net` prints of programs that devices run: `eth0(2) tcx/ingress prog_id 7`.
func writePrograms(_ programs: [HostDump.AttachedProgram], _ names: LinkNames) -> [UInt8] {
    var lines = LineWriter()
    for program in programs {
        lines.add(names.name(program.interface))
        lines.add("(\(program.interface)) \(program.hook) prog_id \(program.id)")
        lines.endLine()
    }
    return lines.bytes
}

/// What `ip xfrm policy` shows of policies, without their templates. Those of single sockets are left out, as there.
/// Source: `struct xfrm_userpolicy_info` of include/uapi/linux/xfrm.h, Linux 6.18.
///
/// - Parameter defaults: what becomes of packets that no policy is for, which `ip xfrm policy getdefault` prints; left out
///   where all are accepted.
func writeTransformPolicies(_ payloads: [[UInt8]], defaults: [UInt8]) -> [UInt8] {
    var lines = LineWriter()
    if defaults.count >= 3, defaults.contains(1) {
        lines.add("Default policies:")
        lines.endLine()
        for (name, value) in zip([" in:  ", " fwd: ", " out: "], defaults) {
            lines.add(name + (value == 1 ? "block" : value == 2 ? "accept" : "unspec"))
            lines.endLine()
        }
    }
    for payload in payloads where payload.count >= 164 {
        let bytes = payload.span
        let directions = ["in", "out", "fwd"]
        let direction = Int(payload[160])
        guard direction < directions.count else { continue }
        // struct xfrm_selector: two addresses of 16 bytes, ports, the family at 40, then lengths of the prefixes.
        let length = bytes.native(UInt16.self, at: 40) == 2 ? 4 : 16
        guard let destination = IPAddress(wire: bytes, 0..<length),
            let source = IPAddress(wire: bytes, 16..<(16 + length))
        else { continue }
        lines.add("src \(source)/\(payload[43]) dst \(destination)/\(payload[42])")
        let number = payload[44]
        if number != 0 { lines.add(" proto \(number)") }
        lines.endLine()
        let priority = bytes.native(UInt32.self, at: 152)
        lines.add(
            "\tdir \(directions[direction])" + (payload[161] == 1 ? " action block" : "") + " priority \(priority)")
        lines.endLine()
    }
    return lines.bytes
}

/// What `ipvsadm -Ln` shows, out of /proc/net/ip_vs, which has the same in hexadecimal.
/// Source: `ip_vs_info_seq_show` of net/netfilter/ipvs/ip_vs_ctl.c, Linux 6.18; ipvsadm.c `print_service_entry`, 1.31.
func writeVirtualServices(_ text: [UInt8]) -> [UInt8] {
    var lines = LineWriter()
    for line in text.split(separator: UInt8(ascii: "\n")) {
        var words = line.split(separator: UInt8(ascii: " ")).map { String(decoding: $0, as: UTF8.self) }
        guard let first = words.first else { continue }
        switch first {
        case "TCP", "UDP", "SCTP":
            guard words.count > 1, let end = endWord(words[1]) else { continue }
            words[1] = end
            lines.add(serviceLine(words))
        case "FWM":
            guard words.count > 1, let mark = UInt32(words[1], radix: 16) else { continue }
            words[1] = "\(mark)"
            lines.add(serviceLine(words))
        case "->":
            guard words.count > 3 else { continue }
            if words[1] != "RemoteAddress:Port" {
                guard let end = endWord(words[1]) else { continue }
                words[1] = end
            }
            lines.add("  " + words.joined(separator: " "))
        default:
            guard first == "IP" || first == "Prot" else { continue }
            lines.add(words.joined(separator: " "))
        }
        lines.endLine()
    }
    return lines.bytes
}

/// `TCP  10.0.0.1:80 rr persistent 10800`: with a mask where it is not that of one host.
private func serviceLine(_ words: [String]) -> String {
    var words = words
    if let position = words.firstIndex(of: "persistent"), position + 2 < words.count {
        let mask = UInt32(words[position + 2], radix: 16) ?? .max
        words.removeSubrange((position + 2)...)
        if mask != .max { words += ["mask", "\(IPAddress(v4: mask))"] }
    }
    return words[0] + "  " + words.dropFirst().joined(separator: " ")
}

/// `0A600001:01BB` and `[2001:0db8:…:0001]:01BB`.
private func endWord(_ word: String) -> String? {
    guard let colon = word.utf8.lastIndex(of: UInt8(ascii: ":")),
        let port = UInt16(word[word.utf8.index(after: colon)...], radix: 16)
    else { return nil }
    let host = word[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") {
        guard let address = IPAddress(String(host.dropFirst().dropLast())) else { return nil }
        return "[\(address)]:\(port)"
    }
    guard let bits = UInt32(host, radix: 16) else { return nil }
    return "\(IPAddress(v4: bits)):\(port)"
}
