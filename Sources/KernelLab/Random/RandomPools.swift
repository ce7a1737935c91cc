package import NetTypes

/// The few addresses, ports, marks and words that rules and packets of one topology are drawn from, so that they meet.
package struct RandomPools: Sendable {
    /// A host on a subnet of an interface.
    package struct Neighbour: Sendable {
        package let address: IPAddress
        /// The interface with the subnet: a bridge where it is one.
        package let interface: String
        package let mac: MACAddress
        /// The bridge port behind which it is.
        package var port: String?
    }

    package var own: [IPAddress] = []
    package var neighbours: [Neighbour] = []
    package var gateways: [Neighbour] = []
    package var subnets: [IPPrefix] = []
    /// Directed broadcasts of the IPv4 subnets.
    package var broadcasts: [IPAddress] = []
    package var interfaceNames: [String] = []
    package var bridgePorts: [String] = []

    package static let farV4: [IPAddress] = [
        v4(203, 0, 113, 5), v4(203, 0, 113, 9), v4(198, 51, 100, 7), v4(172, 16, 0, 9), v4(8, 8, 8, 8),
    ]
    package static let farV6: [IPAddress] = [
        v6(0x2001_0db8_ffff_0000, 5), v6(0x2001_0db8_ffff_0000, 9), v6(0x2001_0db8_eeee_0001, 7),
        v6(0x2600_0000_0000_0000, 0x8888),
    ]
    package static let widePrefixesV4: [IPPrefix] = [
        IPPrefix(v4(10, 0, 0, 0), length: 16), IPPrefix(v4(203, 0, 113, 0), length: 24),
        IPPrefix(v4(198, 51, 100, 0), length: 24), IPPrefix(v4(203, 0, 113, 8), length: 29),
        IPPrefix(v4(0, 0, 0, 0), length: 1), IPPrefix(v4(172, 16, 0, 0), length: 12),
        IPPrefix(v4(127, 0, 0, 0), length: 8), IPPrefix(v4(224, 0, 0, 0), length: 4),
    ]
    package static let widePrefixesV6: [IPPrefix] = [
        IPPrefix(v6(0xfd00_0000_0000_0000, 0), length: 16), IPPrefix(v6(0x2001_0db8_ffff_0000, 0), length: 64),
        IPPrefix(v6(0x2001_0db8_ffff_0000, 8), length: 125), IPPrefix(v6(0, 0), length: 1),
        IPPrefix(v6(0x2001_0db8_0000_0000, 0), length: 32), IPPrefix(v6(0xff00_0000_0000_0000, 0), length: 8),
    ]
    package static let ports: [UInt16] = [22, 53, 80, 443, 1000, 8080, 40000, 40001]
    package static let marks: [UInt32] = [1, 2, 3, 0x10, 0x100]
    package static let words = ["GET /", "hello", "attack", "\u{1}\u{2}", "Host: a"]
    package static let users: [UInt32] = [0, 1, 33, 1000, 65534]
    /// The labels of TOS that routes and rules know.
    package static let tosBytes: [UInt8] = [0x10, 0x08, 0x04, 0xb8, 0x28, 0x02, 0x01, 0x03, 0xb9]
    package static let foreignMACs = [
        MACAddress(bits: 0x0200_0000_00fd), MACAddress(bits: 0x0200_0000_0011), MACAddress(bits: 0x0200_0000_00aa),
    ]

    package init() {}

    package func own(_ version: IPVersion) -> [IPAddress] { own.filter { $0.version == version } }

    package func neighbours(_ version: IPVersion) -> [Neighbour] {
        neighbours.filter { $0.address.version == version }
    }

    package static func far(_ version: IPVersion) -> [IPAddress] { version == .v4 ? farV4 : farV6 }

    package static func widePrefixes(_ version: IPVersion) -> [IPPrefix] {
        version == .v4 ? widePrefixesV4 : widePrefixesV6
    }
}

/// The parts of `RandomPools` of one version of IP, gathered once.
package struct VersionPools: Sendable {
    package let version: IPVersion
    package let own: [IPAddress]
    package let near: [IPAddress]
    package let far: [IPAddress]
    package let gateways: [IPAddress]
    package let prefixes: [IPPrefix]
    package let special: [IPAddress]

    package init(_ pools: RandomPools, _ version: IPVersion) {
        self.version = version
        own = pools.own(version)
        near = pools.neighbours(version).map(\.address)
        far = RandomPools.far(version)
        gateways = pools.gateways.map(\.address).filter { $0.version == version }
        prefixes = pools.subnets.filter { $0.address.version == version } + RandomPools.widePrefixes(version)
        special =
            version == .v4
            ? pools.broadcasts + [v4(255, 255, 255, 255), v4(224, 0, 0, 1), v4(239, 1, 1, 1), v4(127, 0, 0, 1)]
            : [v6(0xff02_0000_0000_0000, 1), v6(0xff05_0000_0000_0000, 0x1234), v6(0, 1)]
    }

    /// An address that packets have.
    package func address(_ chance: inout Chance) -> IPAddress {
        switch chance.below(10) {
        case 0..<3: chance.pick(own)
        case 3..<7: chance.pick(near)
        case 7..<9: chance.pick(far)
        default: chance.pick(special)
        }
    }

    /// A host that is not this one.
    package func host(_ chance: inout Chance) -> IPAddress { chance.percent(70) ? chance.pick(near) : chance.pick(far) }
}

/// The IPv4 address with these bytes.
package func v4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> IPAddress {
    IPAddress(v4: UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d))
}

/// The IPv6 address with these halves.
package func v6(_ high: UInt64, _ low: UInt64) -> IPAddress { IPAddress(v6High: high, low: low) }
