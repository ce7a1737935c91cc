internal import NetTypes
internal import RuleModel
internal import SourceText

/// What is asked of a host for every packet, found without going through its interfaces and settings.
struct HostIndex: Sendable {
    /// The first interface of each name, by its place.
    let interfaces: [Symbol: Int]
    let addresses: Set<IPAddress>
    /// Interfaces that are bridges, or have ports.
    let bridges: Set<Symbol>
    /// Sysctls that are numbers.
    let numbers: [String: Int]
    /// Those of `net.ipv4.conf` and `net.ipv6.conf` by their last part.
    private let settings: [IPVersion: [String: InterfaceSetting]]

    /// One setting of all interfaces.
    private struct InterfaceSetting: Sendable {
        var ofAll: Int?
        var byInterface: [String: Int] = [:]
    }

    init(_ host: HostState) {
        var interfaces: [Symbol: Int] = [:]
        var addresses: Set<IPAddress> = []
        var bridges: Set<Symbol> = []
        for (place, interface) in host.interfaces.enumerated() {
            if interfaces[interface.name] == nil { interfaces[interface.name] = place }
            for own in interface.addresses { addresses.insert(own.address) }
            if interface.kind == .bridge { bridges.insert(interface.name) }
            if let master = interface.master { bridges.insert(master) }
        }
        self.interfaces = interfaces
        self.addresses = addresses
        self.bridges = bridges
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
                var setting = settings[version]?[key] ?? InterfaceSetting()
                if interface == "all" { setting.ofAll = number }
                setting.byInterface[interface] = number
                settings[version, default: [:]][key] = setting
            }
        }
        self.numbers = numbers
        self.settings = settings
    }

    func ofAll(_ version: IPVersion, _ key: String) -> Int? { settings[version]?[key]?.ofAll }

    /// The number that `net.ipv4.conf.INTERFACE.key` or its like of IPv6 has; a dot of the interface's name is a slash
    /// there, as `sysctl -a` has it, or a dot all the same, as people write it.
    func number(_ version: IPVersion, _ interface: Symbol, _ key: String, _ names: NameTable) -> Int? {
        guard let own = settings[version]?[key]?.byInterface, !own.isEmpty else { return nil }
        let text = names.text(interface)
        guard text.utf8.contains(UInt8(ascii: ".")) else { return own[text] }
        let slashed = text.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "/") : $0 }
        return own[String(decoding: slashed, as: UTF8.self)] ?? own[text]
    }
}
