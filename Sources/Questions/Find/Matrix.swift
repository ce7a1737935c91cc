public import HeaderSpace
public import NetTypes
internal import PacketPath

/// A service matrix for one port.
public struct MatrixAnswer {
    public var version: IPVersion
    public var port: UInt16
    public var `protocol`: IPProtocol
    public var matrix: ReachMatrix
    public var granted: [String]
    /// Whether the analysis ran out of room: the answer does not count then.
    public var isExhausted: Bool
}

extension Finder {
    /// Which addresses reach which at each of `ports`: packets from the wire, each by the interface that its source is routed
    /// by where the routes are known, and all that the query says. They are followed once, for all the ports.
    public func matrices(
        _ ports: [(port: UInt16, protocol: IPProtocol)], _ version: IPVersion
    ) -> [MatrixAnswer] {
        let space = space(version)
        let services = ports.map {
            space.and(
                space.packets(.protocol, UInt128($0.protocol.rawValue)),
                space.packets(.destinationPort, UInt128($0.port)))
        }
        var asked = space.and(query.packets(in: space, on: model), space.union(services))
        if let arriving = space.arrivingBySourceRoute(on: model) { asked = space.and(asked, arriving) }
        var sets: [PacketSet] = []
        var granted: [String] = []
        if places.isEmpty {
            let analysis = analyze(model, .wire, in: space, only: asked)
            granted = analysis.granted.map { $0.text }
            sets = [
                analysis.packets {
                    $0.end.outcome.isThrough && query.admits(leavingBy: $0.end.interface, on: model)
                }
            ]
        } else {
            for analysis in aloneAnalyses(space, asked) {
                sets += analysis.classes.filter { $0.verdict == .accepted }.map { $0.packets }
            }
        }
        let through = space.union(sets)
        return zip(ports, services).map { port, service in
            let own = space.and(through, service)
            let matrix = space.matrix(surely: space.always(own), possibly: space.possibly(own))
            return MatrixAnswer(
                version: version, port: port.port, protocol: port.protocol, matrix: matrix, granted: granted,
                isExhausted: space.isExhausted)
        }
    }
}
