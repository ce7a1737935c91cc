internal import ChainGraph
internal import RuleModel

/// The hashes of one chain's rules, one made of the other.
///
/// Source: projectcalico/calico felix/generictables/rules.go `RuleHashes`; felix/iptables/table.go for rules appended to
/// the kernel's chains, whose chain's name gets `*appends*` behind it.
struct HashChain {
    /// The hash of the last rule, 28 bytes.
    private var state: [UInt8]

    init(_ chain: String) { state = SHA2.digest(chain.utf8, .bits224) }

    private init(state: [UInt8]) { self.state = state }

    func after(_ text: String) -> HashChain {
        var message = state
        message.append(contentsOf: text.utf8)
        return HashChain(state: SHA2.digest(message, .bits224))
    }

    /// As the comment has it.
    var name: String { base64URL(state, count: 16) }

    /// Where `spelling` leads if it is the rule of that hash, and which text it was.
    func after(
        _ spelling: FelixSpelling, giving hash: String, limit: Int = FelixSpelling.limit
    ) -> (state: HashChain, text: String)? {
        var found: HashChain?
        let text = spelling.first(limit: limit) { text in
            let next = after(text)
            guard next.name == hash else { return false }
            found = next
            return true
        }
        guard let text, let found else { return nil }
        return (found, text)
    }
}
