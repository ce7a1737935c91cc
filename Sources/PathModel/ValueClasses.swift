internal import ChainGraph
public import NetTypes
internal import RuleModel

/// Addresses and ports in classes: nothing on a host tells two of one class apart, be it a rule, a set, a route or an entry
/// of a table.
///
/// A value that the host names is alone in its class. So one that is not alone is named nowhere, and where it stands in an
/// answer it came with the packet.
public struct ValueClasses: Sendable {
    private let addressesV4: [UInt32]
    private let addressesV6: [IPAddress]
    /// For each port its class where it is asked for as a source's, as a destination's, and as either.
    private let sourcePorts: [Class<UInt16>]
    private let destinationPorts: [Class<UInt16>]
    private let ports: [Class<UInt16>]

    /// The class of a value.
    public struct Class<Value: Hashable & Sendable>: Hashable, Sendable {
        /// The least of its values.
        public let first: Value
        /// Whether it has no other.
        public let isAlone: Bool
    }

    /// - Returns: `nil` where something on the host looks at values in another way than by asking whether they are among
    ///   those that it names: by a hash of them, by single bits, by a list that packets themselves are put in.
    public init?(_ model: HostModel) {
        var cuts = ValueCuts()
        guard cuts.take(model.linked.ruleset), cuts.take(model.host) else { return nil }
        cuts.takeCommon()
        addressesV4 = ValueClasses.sorted(cuts.addressesV4)
        addressesV6 = ValueClasses.sorted(cuts.addressesV6)
        sourcePorts = ValueClasses.portClasses(cuts.ports + cuts.sourcePorts)
        destinationPorts = ValueClasses.portClasses(cuts.ports + cuts.destinationPorts)
        ports = ValueClasses.portClasses(cuts.ports + cuts.sourcePorts + cuts.destinationPorts)
    }

    private static func portClasses(_ cuts: [UInt16]) -> [Class<UInt16>] {
        let starts = sorted(cuts)
        var classes: [Class<UInt16>] = []
        for (index, start) in starts.enumerated() {
            let end = index + 1 < starts.count ? Int(starts[index + 1]) : Int(UInt16.max) + 1
            classes += repeatElement(Class(first: start, isAlone: end == Int(start) + 1), count: end - Int(start))
        }
        return classes
    }

    private static func sorted<Value: Comparable>(_ values: [Value]) -> [Value] {
        var result: [Value] = []
        for value in values.sorted() where result.last != value { result.append(value) }
        return result
    }

    /// Groups are alone: what a link or a switch makes of them hangs on single bits.
    public func address(_ address: IPAddress) -> Class<IPAddress> {
        if address.isMulticast { return Class(first: address, isAlone: true) }
        switch address.version {
        case .v4:
            let place = ValueClasses.place(of: address.v4Bits, in: addressesV4)
            let first = addressesV4[place]
            let next = place + 1 < addressesV4.count ? addressesV4[place + 1] : nil
            return Class(first: IPAddress(v4: first), isAlone: next == first &+ 1)
        case .v6:
            let place = ValueClasses.place(of: address, in: addressesV6)
            let first = addressesV6[place]
            let next = place + 1 < addressesV6.count ? addressesV6[place + 1] : nil
            return Class(first: first, isAlone: next != nil && next == first.successor)
        }
    }

    /// The classes of a packet's ports.
    ///
    /// - Parameter turned: whether an answer to the packet is followed too, where one port takes the other's place.
    public func ports(
        _ source: UInt16, _ destination: UInt16, turned: Bool
    ) -> (source: Class<UInt16>, destination: Class<UInt16>) {
        turned
            ? (ports[Int(source)], ports[Int(destination)])
            : (sourcePorts[Int(source)], destinationPorts[Int(destination)])
    }

    /// The place of the last start that is not above `value`; the first start is the least value there is.
    private static func place<Value: Comparable>(of value: Value, in starts: [Value]) -> Int {
        var low = 0
        var high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= value { low = middle } else { high = middle }
        }
        return low
    }
}

/// Where classes of values begin, in no order.
struct ValueCuts {
    var addressesV4: [UInt32] = [0]
    var addressesV6: [IPAddress] = [.zero(.v6)]
    /// Ports that are asked for at either end, and those that are at one end alone.
    var ports: [UInt16] = [0]
    var sourcePorts: [UInt16] = []
    var destinationPorts: [UInt16] = []

    mutating func take(_ address: IPAddress?) {
        if let address { take(address, address) }
    }

    mutating func take(_ prefix: IPPrefix?) {
        if let prefix { take(prefix.address, prefix.last) }
    }

    mutating func take(_ range: AddressRange?) {
        if let range { take(range.first, range.last) }
    }

    /// Addresses from `first` to `last`, of which the two are alone: the network's own and the broadcast one.
    mutating func take(_ first: IPAddress, _ last: IPAddress) {
        for end in [first, last] {
            cut(end)
            if let next = end.successor { cut(next) }
        }
    }

    private mutating func cut(_ address: IPAddress) {
        switch address.version {
        case .v4: addressesV4.append(address.v4Bits)
        case .v6: addressesV6.append(address)
        }
    }

    mutating func take(_ ports: PortRange?) { ValueCuts.take(ports, &self.ports) }

    mutating func take(port: UInt16?) {
        if let port { ValueCuts.take(port, &ports) }
    }

    mutating func takeSource(_ ports: PortRange?) { ValueCuts.take(ports, &sourcePorts) }

    mutating func takeDestination(_ ports: PortRange?) { ValueCuts.take(ports, &destinationPorts) }

    private static func take(_ range: PortRange?, _ ports: inout [UInt16]) {
        guard let range, !range.isAll else { return }
        for end in [range.first, range.last] { take(end, &ports) }
    }

    private static func take(_ port: UInt16, _ ports: inout [UInt16]) {
        ports.append(port)
        if port < .max { ports.append(port + 1) }
    }

    /// What the kernel itself tells apart.
    mutating func takeCommon() {
        // Source: include/linux/in.h `ipv4_is_*`; 128 and 192 begin the old classes.
        let prefixesV4: [(UInt32, UInt8)] = [
            (0, 8), (0x7f00_0000, 8), (0x8000_0000, 1), (0xc000_0000, 2), (0xa9fe_0000, 16), (0xe000_0000, 4),
            (0xf000_0000, 4), (0xffff_ffff, 32), (0, 32), (0x0a00_0000, 8), (0xac10_0000, 12), (0xc0a8_0000, 16),
            (0x6440_0000, 10),
        ]
        for (bits, length) in prefixesV4 { take(IPPrefix(IPAddress(v4: bits), length: length)) }
        // Source: net/ipv6/addrconf_core.c `__ipv6_addr_type`, net/ipv6/addrlabel.c, Linux 6.18.
        let prefixesV6: [(UInt64, UInt64, UInt8)] = [
            (0, 0, 128), (0, 1, 128), (0, 0, 96), (0, 0xffff_0000_0000, 96), (0x0064_ff9b_0000_0000, 0, 96),
            (0x2001_0000_0000_0000, 0, 32), (0x2001_0010_0000_0000, 0, 28), (0x2002_0000_0000_0000, 0, 16),
            (0x3ffe_0000_0000_0000, 0, 16), (0xfc00_0000_0000_0000, 0, 7), (0xfe80_0000_0000_0000, 0, 10),
            (0xfec0_0000_0000_0000, 0, 10), (0xff00_0000_0000_0000, 0, 8),
        ]
        for (high, low, length) in prefixesV6 {
            take(IPPrefix(IPAddress(v6High: high, low: low), length: length))
        }
        // 0 stands for none; among the others NAT looks for another port. Source: net/netfilter/nf_nat_core.c
        // `nf_nat_l4proto_unique_tuple`.
        for port: UInt16 in [0, 511, 512, 600, 1023, 1024, .max] { take(port: port) }
    }

    /// - Returns: `false` where packets are told apart by more than what is named.
    mutating func take(_ host: HostState) -> Bool {
        // IPVS chooses by hashes of clients.
        if host.virtualServices?.isEmpty == false { return false }
        for interface in host.interfaces {
            for own in interface.addresses { take(own) }
            take(interface.tunnel?.local)
            take(interface.tunnel?.remote)
            take(port: interface.tunnel?.port)
        }
        for route in host.routes {
            take(route.destination)
            take(route.source)
            take(route.from)
            for hop in route.nextHops { take(hop.gateway) }
        }
        for rule in (host.routingRulesV4 ?? []) + (host.routingRulesV6 ?? []) {
            take(rule.from)
            take(rule.to)
            take(rule.sourcePorts)
            take(rule.destinationPorts)
        }
        for label in host.addressLabels ?? [] { take(label.prefix) }
        for neighbour in host.neighbours { take(neighbour.address) }
        for entry in host.forwardingEntries {
            take(entry.destination)
            take(port: entry.port)
        }
        for entry in host.connections ?? [] {
            for tuple in [entry.original, entry.reply] {
                take(tuple.source)
                take(tuple.destination)
                take(port: tuple.sourcePort)
                take(port: tuple.destinationPort)
            }
            take(entry.translatedPorts)
            take(entry.translatedDestinationPorts)
        }
        for set in host.sets where !take(set) { return false }
        for socket in host.listeners ?? [] {
            take(socket.address)
            take(port: socket.port)
        }
        return true
    }

    private mutating func take(_ own: InterfaceAddress) {
        take(own.address)
        take(own.peer)
        take(own.broadcast)
        take(own.prefix)
        guard own.address.version == .v6 else { return }
        // Of several addresses that may be a packet's source the one is taken that has the most leading bits of the
        // destination. Source: net/ipv6/addrconf.c `ipv6_get_saddr_eval`.
        for length in 1...UInt8(127) { take(IPPrefix(own.address, length: length)) }
    }

    private mutating func take(_ set: AddressSet) -> Bool {
        if set.bitmask != nil { return false }
        take(set.addressRange)
        take(set.portRange)
        for element in set.elements {
            take(element.address)
            take(element.second)
            take(element.port)
        }
        return true
    }
}
