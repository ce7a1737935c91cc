public import NetTypes

/// Why it is not known, or not so, that a packet gets to where it was sent, though it left the host.
public enum Astray: Hashable, Sendable {
    /// It left for what is none of the nodes, and its destination is at home on one of them.
    case elsewhere(hop: IPAddress?, destination: IPAddress, home: String)
    /// It came to a node, and no tunnel of that node takes it out of the packet that it is in.
    case wrapped
    /// It comes to one more node than is followed.
    case tooFar(next: String)
    /// Its ways lead to different nodes.
    case severalNodes
    /// The packet left with this private source for an address that is none, so that no answer finds back by itself.
    case privateSource(IPAddress)
    /// The answer has another sender than who was asked, as it is on its way to who asked.
    case otherSender(asked: IPAddress, answers: IPAddress)

    /// Whether who waits for it waits in vain.
    public var isLost: Bool {
        switch self {
        case .otherSender: true
        case .elsewhere, .wrapped, .tooFar, .severalNodes, .privateSource: false
        }
    }

    /// ` to 192.0.2.1, which is …`: what goes on behind `it leaves`, without a final stop.
    func clause(interface: String?) -> String {
        let by = interface.map { " by \($0)" } ?? ""
        switch self {
        case .elsewhere(let hop?, let destination, let home):
            return
                "leaves\(by) for \(hop), which is none of the nodes; \(destination) is on \(home), and whether it gets there is not known"
        case .elsewhere(nil, let destination, let home):
            return
                "leaves\(by) for none of the nodes; \(destination) is on \(home), and whether it gets there is not known"
        case .wrapped:
            return "comes inside another packet, and no tunnel that is known there takes it out"
        case .tooFar(let next): return "goes on to \(next), and is followed through no more nodes"
        case .severalNodes: return "leaves\(by) for one node or another, where it is not followed"
        case .privateSource(let source):
            return "comes only if something beyond translates \(source), a private address, or has a route back to it"
        case .otherSender(let asked, let answers):
            return "comes from \(answers), which the client never asked: it asked \(asked)"
        }
    }
}
