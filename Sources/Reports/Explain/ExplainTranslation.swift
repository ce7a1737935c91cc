internal import Annotations
internal import ChainGraph
internal import NetTypes
internal import PacketPath
internal import RuleModel

extension Explainer {
    /// Who changed an address, for what, and at whose request.
    func explain(_ translation: TranslationStep, at index: Int) -> [Explanation] {
        let packet = way.steps[index].view.packet
        let change = translationText(translation, packet)
        if translation.isFromEntry {
            // An entry that the trace itself made, for the reply, keeps nothing old.
            guard let place = way.trace.connection?.place, quotes.location(place) != nil else { return [] }
            return [
                Explanation(
                    text: "\(change) because the connection is already in conntrack's table with this translation:"
                        + " a rule that was changed since counts for new connections only",
                    step: index)
            ]
        }
        guard let rule = translator(of: index, in: way.steps, quotes.linked), let purpose = purpose(rule) else {
            return []
        }
        var text: String
        if case .kubeProxy(let own) = purpose {
            text = kubeProxyTranslation(own, change, rule)
        } else {
            text = "\(purpose.maker.name): \(purpose.text); \(change)"
        }
        if case .kubeProxy(.masquerade) = purpose, let asked = requester(of: rule) { text += ": \(asked)" }
        return [Explanation(text: text, step: rule)]
    }

    private func kubeProxyTranslation(_ purpose: KubeProxyPurpose, _ change: String, _ rule: Int) -> String {
        switch purpose {
        case .endpoint(let name, let address):
            let asked = addressOfService(before: rule).map { " (by its \($0))" } ?? ""
            return "service \(name.text)\(asked): kube-proxy sends it to endpoint \(address); \(change)"
        case .masquerade: return "kube-proxy masquerades it, \(change)"
        default: return "kube-proxy: \(purpose.text); \(change)"
        }
    }

    /// Which address of the Service the packet came to.
    private func addressOfService(before index: Int) -> String? {
        for jump in way.jumps(to: index).reversed() {
            guard case .kubeProxy(.dispatch(_, let address))? = purpose(jump) else { continue }
            return address.text
        }
        return nil
    }

    /// Why the mark that led to the rule at `index` was set: `it comes from outside the pod network to …`.
    private func requester(of index: Int) -> String? {
        for source in way.markSources(for: index, quotes.linked) {
            for jump in [source.step] + way.jumps(to: source.step).reversed() {
                guard case .kubeProxy(let purpose)? = purpose(jump), let reason = purpose.reasonToMasquerade else {
                    continue
                }
                return reason
            }
        }
        return nil
    }
}

extension KubeProxyPurpose {
    /// Why kube-proxy asks for masquerading.
    fileprivate var reasonToMasquerade: String? {
        switch self {
        case .markFromOutside(let name):
            "it marked the connection for that, since it comes from outside the pod network to service \(name.text)"
        case .markExternal(let name):
            "it marked the connection for that, since it came to service \(name.text) by an address from outside, and"
                + " the answer must come back through this node"
        case .markLocal(let name):
            "it marked the connection for that, since this host itself asks service \(name.text) by an outside address"
        case .markHairpin(let name, let endpoint):
            "it marked the connection for that, since endpoint \(endpoint) of service \(name.text) reaches itself"
                + " through the Service, and would otherwise answer itself directly"
        default: nil
        }
    }
}
