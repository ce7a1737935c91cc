internal import NetTypes
public import RuleModel
public import SourceText

/// Writes sets as `ipset restore` reads them: every `create` before the elements, since sets may name each other.
///
/// `hasSizes`: with what the header said of sizes, which not every version of ipset takes.
public func writeIpsetSave(_ sets: [AddressSet], names: NameTable, hasSizes: Bool) -> String {
    var text = ""
    for set in sets where set.type != .unknown {
        let sizes = hasSizes ? names.text(set.creationText) : ""
        text += creation(of: set, names) + (sizes.isEmpty ? "" : " " + sizes) + "\n"
    }
    for set in sets where set.type != .unknown {
        for element in set.elements { text += "add \(names.text(set.name)) \(line(of: element, in: set, names))\n" }
    }
    return text
}

private func creation(of set: AddressSet, _ names: NameTable) -> String {
    var words = ["create", names.text(set.name), set.type.name]
    switch set.type {
    case .bitmapIP, .bitmapIPMAC:
        if let range = set.addressRange { words.append("range \(range.first)-\(range.last)") }
    case .bitmapPort:
        if let range = set.portRange { words.append("range \(range.first)-\(range.last)") }
    case .hashMAC, .listSet, .unknown: break
    case .hashIP, .hashIPMAC, .hashIPMark, .hashIPPort, .hashIPPortIP, .hashIPPortNet, .hashNet, .hashNetNet,
        .hashNetPort, .hashNetPortNet, .hashNetInterface:
        words.append(set.version == .v6 ? "family inet6" : "family inet")
    }
    if set.type == .hashIPMark, set.markMask != .max { words.append("markmask \(hexadecimal(set.markMask))") }
    if let length = set.netmask { words.append("netmask \(length)") }
    if let mask = set.bitmask { words.append("bitmask \(mask)") }
    if set.hasTimeout { words.append("timeout \(set.defaultTimeout ?? 0)") }
    if set.hasCounters { words.append("counters") }
    if set.hasComment { words.append("comment") }
    if set.hasSkbInfo { words.append("skbinfo") }
    return words.joined(separator: " ")
}

private func line(of element: SetElement, in set: AddressSet, _ names: NameTable) -> String {
    var parts: [String] = []
    if let address = element.address { parts.append(text(address)) }
    if let mac = element.mac { parts.append("\(mac)") }
    if let mark = element.mark { parts.append(hexadecimal(mark)) }
    if let port = element.port { parts.append(text(port, element.protocol, in: set)) }
    if let second = element.second { parts.append(text(second)) }
    if let interface = element.interface {
        parts.append((element.isPhysicalDevice ? "physdev:" : "") + names.text(interface))
    }
    if let member = element.member { parts.append(names.text(member)) }
    var words = [parts.joined(separator: ",")]
    if element.isNoMatch { words.append("nomatch") }
    if element.isWildcard { words.append("wildcard") }
    if set.hasTimeout, let timeout = element.timeout { words.append("timeout \(timeout)") }
    if set.hasCounters, let counters = element.counters {
        words.append("packets \(counters.packets) bytes \(counters.bytes)")
    }
    if let mark = element.skbMark { words.append("skbmark \(hexadecimal(mark.value))/\(hexadecimal(mark.mask))") }
    if let priority = element.skbPriority {
        words.append("skbprio \(String(priority >> 16, radix: 16)):\(String(priority & 0xffff, radix: 16))")
    }
    if let queue = element.skbQueue { words.append("skbqueue \(queue)") }
    if element.comment != .empty { words.append("comment \"\(names.text(element.comment))\"") }
    return words.joined(separator: " ")
}

/// One address without its length, since types of addresses alone refuse one.
private func text(_ prefix: IPPrefix) -> String {
    prefix.length == prefix.address.version.addressBits ? "\(prefix.address)" : "\(prefix)"
}

private func text(_ port: PortRange, _ protocol: IPProtocol?, in set: AddressSet) -> String {
    guard set.type != .bitmapPort, let `protocol` else {
        return port.first == port.last ? "\(port.first)" : "\(port.first)-\(port.last)"
    }
    let name: String
    switch `protocol` {
    case .icmp: name = "icmp"
    case .icmpv6: name = "icmpv6"
    default: name = `protocol`.name ?? "\(`protocol`.rawValue)"
    }
    if `protocol`.isICMP { return "\(name):\(port.first >> 8)/\(port.first & 0xff)" }
    return "\(name):" + (port.first == port.last ? "\(port.first)" : "\(port.first)-\(port.last)")
}
