internal import Annotations
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel
internal import SourceText

extension Explainer {
    /// Which service IPVS took the packet for, and where it sends it.
    func explain(_ step: VirtualServiceStep, at index: Int) -> Explanation {
        var text = virtualServiceText(step)
        if let name = serviceName(of: step) { text += "; the service is \(name)" }
        switch step.act {
        case .request:
            if let service = step.service, service.servers.count > 1, !step.isFromConnection {
                text += "; one of \(service.servers.count) by \(service.scheduler)"
            }
        case .reply: break
        case .refused, .gone:
            if let place = step.service?.place, let location = quotes.location(place) {
                text += " (\(location): \(withoutTabs(quotes.text(place) ?? "")))"
            }
        }
        return Explanation(text: text, step: index)
    }

    /// The name of the Service that has the address and port, from the cluster's objects.
    private func serviceName(of step: VirtualServiceStep) -> String? {
        guard step.mark == nil else { return nil }
        return annotations.service(at: step.address, port: step.port, step.protocol)?.text
    }
}

/// `IPVS: service address 10.96.0.10:53/udp, real server 10.244.1.11:53 (masquerade)`.
func virtualServiceText(_ step: VirtualServiceStep) -> String {
    var spot = endText(step.address, port: step.port) + "/" + step.protocol.shortName
    if let mark = step.mark { spot += " (firewall mark \(hexadecimal(mark)))" }
    let server = step.server.map { endText($0, port: step.serverPort) } ?? ""
    switch step.act {
    case .request:
        let known = step.isFromConnection ? ", by a connection that IPVS has" : ""
        return "IPVS: service address \(spot), real server \(server) (\(step.method.word))\(known)"
    case .reply: return "IPVS: answer of real server \(server), whose source becomes the service address \(spot)"
    case .refused: return "IPVS: service address \(spot) has no real server that takes connections"
    case .gone: return "IPVS: service address \(spot): the connection's real server is not there any more"
    }
}
