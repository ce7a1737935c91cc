internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel

extension Explainer {
    /// The Service that kube-proxy's nftables mode names beside the element of a verdict map which led to the rule at
    /// `index`: that rule itself serves all Services without endpoints.
    func serviceOfElement(before index: Int) -> ServicePortName? {
        guard case .rule(let own) = way.steps[index].kind else { return nil }
        for step in way.steps[..<index].reversed() {
            guard case .rule(let rule) = step.kind, rule.target == own.rule.chain else { continue }
            for statement in quotes.linked.rule(rule.rule).statements {
                guard case .target(.native(.verdictMap(_, let name))) = statement,
                    let map = quotes.linked.set(named: name, besides: rule.rule.chain)
                else { continue }
                return service(in: map, of: step.view.packet)
            }
        }
        return nil
    }

    /// Keys are `address . protocol . port`, or of node ports `protocol . port`.
    private func service(in map: NativeSet, of packet: Packet) -> ServicePortName? {
        let port = [UInt8(packet.destinationPort >> 8), UInt8(packet.destinationPort & 0xff)]
        var key = [packet.protocol.rawValue] + port
        if map.elements.widths.count == 3 { key = packet.destination.bytes + key }
        for index in 0..<map.elements.count where map.elements.low(index).elementsEqual(key) {
            return (map.elements.extra(index)?.comment).flatMap { ServicePortName(quotes.name($0)) }
        }
        return nil
    }
}
