internal import ChainGraph
internal import NetTypes
internal import RuleModel

/// Tailscale's `ts-*` chains, the same by iptables and by nft.
///
/// Source: tailscale util/linuxfw/iptables_runner.go, nftables_runner.go, linuxfw.go (v1.80).
enum Tailscale {
    static func purpose(of chain: ChainFacts) -> Purpose? {
        switch chain.name {
        case "ts-input": words("what comes to this host from the tailnet")
        case "ts-forward": words("what is forwarded to and from the tailnet")
        case "ts-postrouting": words("by which address subnet routes of the tailnet are used")
        default: nil
        }
    }

    static func purpose(of rule: RuleFacts, in chain: Purpose?) -> Purpose? {
        guard chain?.maker == .tailscale else { return nil }
        let outline = rule.outline
        switch (rule.chain.name, outline.effect) {
        case ("ts-input", .accept):
            if outline.input?.wanted == "lo" {
                return words("lets this host reach itself by its address in the tailnet")
            }
            if outline.input != nil { return words("lets in what comes from the tailnet") }
            return words("lets in what other nodes of the tailnet send to \(outline.service) (WireGuard)")
        case ("ts-input", .return):
            return outline.source?.wanted.map { words("leaves \($0) to others (ChromeOS uses it)") }
        case ("ts-input", .drop):
            return outline.source?.wanted.map {
                words("drops addresses of the tailnet (\($0)) that come from elsewhere")
            }
        case ("ts-forward", .mark): return words("marks what comes from the tailnet")
        case ("ts-forward", .accept):
            return words(
                outline.output == nil
                    ? "lets what comes from the tailnet through" : "lets what goes to the tailnet through")
        case ("ts-forward", .drop):
            if outline.states != nil { return words("drops new connections from others into the tailnet") }
            return outline.source?.wanted.map {
                words("drops addresses of the tailnet (\($0)) that come from elsewhere")
            }
        case ("ts-postrouting", .masquerade):
            return words("what comes from the tailnet leaves by this host's address")
        default: return nil
        }
    }

    static let marks = [
        MarkMeaning(value: 0x4_0000, mask: 0xff_0000, maker: .tailscale, text: "the packet comes from the tailnet"),
        MarkMeaning(
            value: 0x8_0000, mask: 0xff_0000, maker: .tailscale,
            text: "tailscaled itself sent the packet: it does not go into the tailnet"),
    ]

    private static func words(_ text: String) -> Purpose { .other(.tailscale, text) }
}
