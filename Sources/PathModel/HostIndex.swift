internal import NetTypes
internal import RuleModel
internal import SourceText

/// What is asked of a host for every packet, found without going through its interfaces and settings.
struct HostIndex: Sendable {
    /// For each symbol up to the last of an interface, by its number, the first interface's place of that name and 1 more;
    /// 0 for none.
    private let places: [UInt32]
    let addresses: Set<IPAddress>
    let hasVRFs: Bool
    /// Whether a port of a bridge is not sent all that the bridge does not know.
    let limitsFlooding: Bool
    /// For each symbol up to the last of a bridge whether it is one.
    private let bridges: [Bool]
    let numbers: [String: Int]
    /// Settings of interfaces by their key.
    private let settingsV4: [String: InterfaceSetting]
    private let settingsV6: [String: InterfaceSetting]
    /// Names from this one on were not there when interfaces were looked up.
    private let nameCount: Int

    /// One setting of all interfaces.
    private struct InterfaceSetting: Sendable {
        var ofAll: Int?
        var byInterface: [String: Int] = [:]
        /// The same by the names that are known, as `number` finds it.
        var bySymbol: [Symbol: Int] = [:]
    }

    init(_ host: HostState, _ names: NameTable) {
        var places: [UInt32] = []
        var addresses: Set<IPAddress> = []
        var bridges: [Bool] = []
        for (place, interface) in host.interfaces.enumerated() {
            places.put(UInt32(place + 1), at: interface.name, insteadOf: 0)
            for own in interface.addresses where !own.isTentative { addresses.insert(own.address) }
            if interface.kind == .bridge { bridges.put(true, at: interface.name, insteadOf: false) }
        }
        // Where kinds are not told, what has ports is a bridge, unless flags tell that it is a bond or a VRF, or its name
        // that it is Open vSwitch's own.
        for interface in host.interfaces where !interface.isSlave {
            guard let master = interface.master, names.text(master) != "ovs-system" else { continue }
            let place = master.index < places.count ? Int(places[Int(master.index)]) : 0
            let own = place > 0 ? host.interfaces[place - 1] : nil
            guard own?.kind ?? .other == .other, own?.isMaster != true else { continue }
            bridges.put(true, at: master, insteadOf: false)
        }
        self.places = places
        self.addresses = addresses
        hasVRFs = host.interfaces.contains { $0.kind == .vrf }
        limitsFlooding = host.interfaces.contains { !$0.takesUnknown || !$0.takesMulticast || !$0.takesBroadcast }
        self.bridges = bridges
        nameCount = names.count
        var numbers: [String: Int] = [:]
        var settings: [IPVersion: [String: InterfaceSetting]] = [:]
        for (name, text) in host.sysctls {
            guard let number = Int(text) else { continue }
            numbers[name] = number
            for version in IPVersion.allCases {
                let start = "net.ipv\(version.rawValue).conf."
                guard name.hasPrefix(start) else { continue }
                let rest = name.dropFirst(start.count)
                guard let dot = rest.lastIndex(of: ".") else { continue }
                let key = String(rest[rest.index(after: dot)...])
                let interface = String(rest[..<dot])
                if interface == "all" {
                    settings[version, default: [:]][key, default: InterfaceSetting()].ofAll = number
                }
                settings[version, default: [:]][key, default: InterfaceSetting()].byInterface[interface] = number
            }
        }
        self.numbers = numbers
        settingsV4 = HostIndex.bySymbol(settings[.v4] ?? [:], names)
        settingsV6 = HostIndex.bySymbol(settings[.v6] ?? [:], names)
    }

    /// The settings with their interfaces looked up among `names`.
    private static func bySymbol(
        _ settings: [String: InterfaceSetting], _ names: NameTable
    ) -> [String: InterfaceSetting] {
        settings.mapValues { setting in
            var result = setting
            for interface in setting.byInterface.keys {
                let dotted = String(
                    decoding: interface.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: ".") : $0 }, as: UTF8.self)
                for symbol in [names.find(interface), names.find(dotted)].compactMap({ $0 }) {
                    result.bySymbol[symbol] = HostIndex.number(setting.byInterface, names.text(symbol))
                }
            }
            return result
        }
    }

    /// The place of the first interface of that name.
    func place(of interface: Symbol) -> Int? {
        guard interface.index < places.count, places[Int(interface.index)] > 0 else { return nil }
        return Int(places[Int(interface.index)]) - 1
    }

    func isBridge(_ interface: Symbol) -> Bool { interface.index < bridges.count && bridges[Int(interface.index)] }

    func ofAll(_ version: IPVersion, _ key: String) -> Int? { setting(version, key)?.ofAll }

    private func setting(_ version: IPVersion, _ key: String) -> InterfaceSetting? {
        version == .v4 ? settingsV4[key] : settingsV6[key]
    }

    /// The number that `net.ipv4.conf.INTERFACE.key` or its like of IPv6 has.
    func number(_ version: IPVersion, _ interface: Symbol, _ key: String, _ names: NameTable) -> Int? {
        guard let own = setting(version, key), !own.byInterface.isEmpty else { return nil }
        if interface.index < nameCount { return own.bySymbol[interface] }
        return HostIndex.number(own.byInterface, names.text(interface))
    }

    /// A dot of the interface's name is a slash in a setting's, as `sysctl -a` has it, or a dot all the same, as people
    /// write it.
    private static func number(_ own: [String: Int], _ text: String) -> Int? {
        guard text.utf8.contains(UInt8(ascii: ".")) else { return own[text] }
        let slashed = text.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "/") : $0 }
        return own[String(decoding: slashed, as: UTF8.self)] ?? own[text]
    }
}

extension Array where Element: Equatable {
    /// Keeps `value` at the number of `symbol`, where there is nothing but `none` yet.
    fileprivate mutating func put(_ value: Element, at symbol: Symbol, insteadOf none: Element) {
        let place = Int(symbol.index)
        if place >= count { self += repeatElement(none, count: place + 1 - count) }
        if self[place] == none { self[place] = value }
    }
}
