internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

// Targets of iptables as Felix writes them. Source: felix/iptables/actions.go, v3.22 to v3.33.
extension FelixText {
    func action(_ target: Target) -> FelixSpelling.Part? {
        switch target {
        case .accept: return FelixSpelling.Part("--jump ACCEPT")
        case .drop: return FelixSpelling.Part("--jump DROP")
        case .return: return FelixSpelling.Part("--jump RETURN")
        case .notrack: return FelixSpelling.Part("--jump NOTRACK")
        case .ct(let target): return target.notrack ? FelixSpelling.Part("--jump NOTRACK") : nil
        case .jump(let name): return FelixSpelling.Part("--jump \(linked.name(name))")
        case .goto(let name): return FelixSpelling.Part("--goto \(linked.name(name))")
        case .reject(let with):
            // iptables adds what the default is.
            return FelixSpelling.Part(["--jump REJECT", "--jump REJECT --reject-with \(with.name)"])
        case .mark(let operation): return FelixSpelling.Part(markTexts(operation.word))
        case .log(let log):
            guard log.level == 5, log.options == [] else { return nil }
            return FelixSpelling.Part("--jump LOG --log-prefix \"\(linked.name(log.prefix))\" --log-level 5")
        case .nfLog(let log): return FelixSpelling.Part(flowLogTexts(log))
        case .dnat(let nat): return translationText("--jump DNAT --to-destination", nat).map { FelixSpelling.Part($0) }
        case .snat(let nat): return translationText("--jump SNAT --to-source", nat).map { FelixSpelling.Part($0) }
        case .masquerade(let nat):
            let ports = nat.ports.map { " --to-ports \($0.first)-\($0.last)" } ?? ""
            return FelixSpelling.Part("--jump MASQUERADE\(ports)\(nat.isFullyRandom ? " --random-fully" : "")")
        case .dscp(let value): return FelixSpelling.Part("--jump DSCP --set-dscp \(value)")
        case .connectionMark(let target): return FelixSpelling.Part(connectionMarkText(target))
        default: return nil
        }
    }

    private func markTexts(_ word: MaskedWord) -> [String] {
        let mask = goHexadecimal(word.mask)
        let exact = "--jump MARK --set-mark \(goHexadecimal(word.value))/\(mask)"
        return word.value == 0 ? ["--jump MARK --set-mark 0/\(mask)", exact] : [exact]
    }

    private func flowLogTexts(_ log: NFLogTarget) -> [String] {
        let text = "--jump NFLOG --nflog-group \(log.group) --nflog-prefix \(linked.name(log.prefix))"
        if let size = log.size { return ["\(text) --nflog-size \(size)"] }
        if let range = log.range { return ["\(text) --nflog-range \(range)"] }
        return [text]
    }

    private func translationText(_ start: String, _ nat: NATTarget) -> String? {
        guard let address = nat.addresses, address.isSingle, nat.basePort == nil else { return nil }
        var text = "\(address.first)"
        if let ports = nat.ports {
            if address.first.version == .v6 { text = "[\(text)]" }
            text += ports.isSingle ? ":\(ports.first)" : ":\(ports.first)-\(ports.last)"
        }
        return "\(start) \(text)\(nat.isFullyRandom ? " --random-fully" : "")"
    }

    private func connectionMarkText(_ target: ConnectionMarkTarget) -> String {
        switch target.operation {
        case .set:
            "--jump CONNMARK --set-mark \(goHexadecimal(target.value))/\(goHexadecimal(target.connectionMask))"
        case .save: "--jump CONNMARK --save-mark --mask \(goHexadecimal(target.packetMask))"
        case .restore: "--jump CONNMARK --restore-mark --mask \(goHexadecimal(target.packetMask))"
        }
    }
}
