import NetTypes

/// A UDP socket of a random host that nobody reads.
struct RandomSocket: Sendable, Hashable {
    /// `nil`: on any address of `version`, or of both.
    var address: IPAddress?
    var version: IPVersion?
    var port: UInt16

    var isTransparent: Bool { address != nil && isTransparentSocket(port) }

    /// As `ss` prints it.
    var name: String {
        switch (address, version) {
        case (let address?, _): address.version == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        case (nil, .v4?): "0.0.0.0:\(port)"
        case (nil, .v6?): "[::]:\(port)"
        case (nil, nil): "*:\(port)"
        }
    }
}

extension RandomTopology {
    mutating func drawSockets(_ chance: inout Chance) {
        for version in IPVersion.allCases {
            let own = pools(version).own
            for _ in 0..<chance.number(2...4) {
                // Also addresses of others, as a transparent proxy has them.
                let far = chance.pick(RandomPools.far(version))
                add(
                    RandomSocket(
                        address: chance.percent(25) ? far : chance.pick(own), port: port(&chance)))
            }
            if chance.percent(50) { add(RandomSocket(version: version, port: port(&chance))) }
        }
        if chance.percent(30) { add(RandomSocket(port: port(&chance))) }
    }

    /// A port of the pool, as often one of a transparent socket as not.
    private func port(_ chance: inout Chance) -> UInt16 {
        let isTransparent = chance.percent(50)
        return chance.pick(RandomPools.ports.filter { isTransparentSocket($0) == isTransparent })
    }

    /// Keeps a socket that can be bound: not one of another's place, nor to an address of others if it is not transparent.
    private mutating func add(_ socket: RandomSocket) {
        if let address = socket.address, !pools.own.contains(address), !isTransparentSocket(socket.port) { return }
        let isTaken = sockets.contains { other in
            guard other.port == socket.port, other.address == socket.address else { return false }
            return other.version == nil || socket.version == nil || other.version == socket.version
        }
        if !isTaken { sockets.append(socket) }
    }

    /// As `ss -tuln` prints them.
    var socketText: String {
        let lines = sockets.map { socket in
            let isV6 = (socket.address?.version ?? socket.version) == .v6
            let peer = socket.address == nil && socket.version == nil ? "*" : isV6 ? "[::]" : "0.0.0.0"
            return "udp   UNCONN 0      0      \(socket.name) \(peer):*\n"
        }
        return "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:PortProcess\n" + lines.joined()
    }
}

/// Which of the sockets that are bound to an address are transparent: `ss` does not tell, and so the port does.
func isTransparentSocket(_ port: UInt16) -> Bool { port >= 8080 }
