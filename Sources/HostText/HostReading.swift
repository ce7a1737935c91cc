import NetTypes
public import RuleModel
public import SourceText

/// What the readers of this module fill: the host's state, the names in it, and what they have to say about the input.
///
/// Readers never fail. What one can't read it tells in `diagnostics`; what is missing in the input stays `nil` in `host`.
public struct HostReading: Sendable {
    public var names: NameTable
    public var host = HostState()
    /// What `calicoctl` and the BGP daemon say of the node. Objects are read elsewhere.
    public var cluster = ClusterObjects()
    public var diagnostics: [Diagnostic] = []

    /// Where each interface lies in `host.interfaces`.
    var interfaceIndexes: [Symbol: Int] = [:]
    /// Numbers of routing tables by name, from `rt_tables` or made up.
    var tableNumbers: [Symbol: UInt32] = [:]
    /// Routes, rules and neighbours that are there already, without their places: several listings may hold one.
    var knownRoutes: Set<Route> = []
    /// Routes that were there already when they were read.
    public private(set) var repeatedRoutes: [Route] = []
    var knownAddresses: [AddressKey: Int] = [:]
    var knownDeciders: Set<DeciderKey> = []
    var knownNeighbours: Set<Neighbour> = []
    /// Where each set lies in `host.sets`.
    var setIndexes: [Symbol: Int] = [:]
    /// Next hops of `ip nexthop`, by id.
    var nextHopObjects: [UInt32: [NextHop]] = [:]
    /// Diagnostics of the listing being read, by code.
    private var told: [String: Int] = [:]

    public init(names: NameTable = NameTable()) { self.names = names }

    /// Diagnostics of one code and listing beyond this number are counted and not told one by one.
    public static let diagnosticLimit = 50

    mutating func tell(_ severity: Diagnostic.Severity, _ code: String, _ message: String, at place: Place) {
        let count = told[code, default: 0] + 1
        told[code] = count
        if count <= HostReading.diagnosticLimit {
            diagnostics.append(Diagnostic(severity, code, message, at: place))
        }
    }

    /// Tells how many diagnostics were held back, and counts anew.
    mutating func endListing(at place: Place) {
        for code in told.keys.sorted() {
            let count = told[code, default: 0]
            guard count > HostReading.diagnosticLimit else { continue }
            let more = count - HostReading.diagnosticLimit
            diagnostics.append(Diagnostic(.warning, code, "\(more) more of these in the same listing", at: place))
        }
        told.removeAll(keepingCapacity: true)
    }

    mutating func name(_ text: Span<UInt8>, _ range: Range<Int>) -> Symbol { names.intern(text.extracting(range)) }

    /// The interface of this name, made if it is new, and where it lies in `host.interfaces`.
    mutating func interfaceIndex(_ name: Symbol, at place: Place) -> Int {
        if let known = interfaceIndexes[name] { return known }
        interfaceIndexes[name] = host.interfaces.count
        host.interfaces.append(NetworkInterface(name: name, place: place))
        return host.interfaces.count - 1
    }

    /// The number of the routing table that is written so. A name without a known number gets one of its own, which
    /// hangs on the name alone, and that is told.
    mutating func tableNumber(_ text: Span<UInt8>, _ range: Range<Int>, at place: Place) -> UInt32 {
        if let number = text.number(range) { return UInt32(truncatingIfNeeded: number) }
        return tableNumber(named: name(text, range), at: place)
    }

    mutating func tableNumber(named name: Symbol, at place: Place) -> UInt32 {
        if let known = tableNumbers[name] { return known }
        let text = names.text(name)
        let number: UInt32
        switch text {
        case "local": number = RoutingRule.localTable
        case "main": number = RoutingRule.mainTable
        case "default": number = RoutingRule.defaultTable
        case "unspec", "all": number = 0
        default:
            number = unusedTableNumber(names.bytes(name))
            tell(
                .note, "table-name",
                "routing table '\(text)' is known by its name only; its number is in /etc/iproute2/rt_tables", at: place
            )
        }
        tableNumbers[name] = number
        host.routingTableNames[number] = name
        return number
    }

    /// 31 bits of FNV-1a with the top bit set, so that it is the same in every run and far from what people choose.
    private func unusedTableNumber(_ name: ArraySlice<UInt8>) -> UInt32 {
        var value: UInt32 = 0x811c_9dc5
        for byte in name { value = (value ^ UInt32(byte)) &* 0x0100_0193 }
        value |= 0x8000_0000
        while tableNumbers.values.contains(value) { value = (value &+ 1) | 0x8000_0000 }
        return value
    }

    mutating func addRoute(_ route: Route) {
        var key = route
        key.place = .none
        if knownRoutes.insert(key).inserted { host.routes.append(route) } else { repeatedRoutes.append(route) }
    }
}

extension IPAddress {
    init?(_ text: Span<UInt8>, _ range: Range<Int>) { self.init(text.extracting(range)) }
}

extension IPPrefix {
    init?(_ text: Span<UInt8>, _ range: Range<Int>) { self.init(text.extracting(range)) }

    /// Every address of `version`.
    static func everything(_ version: IPVersion) -> IPPrefix { IPPrefix(.zero(version), length: 0) }
}
