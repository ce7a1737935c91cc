import RuleModel
import Testing

@testable import KernelLab

/// Messages as Linux 6.18 sent them, without the netlink header.
@Suite struct KernelChainsTests {
    static let chain = bytes(
        """
        02000004 080001006e617400 0b0003004f55545055540000 0c0002000000000000000001
        14000400 0800010000000003 08000200ffffff9c 0800050000000001 080007006e617400
        """)
    static let rule = bytes(
        """
        02000004 080001006e617400 0b0002004f55545055540000 0c0003000000000000000007
        2c000400 28000100 0b000100 7461726765740000 18000200 0b000100 52454a4543540000 0800020000000000
        """)

    @Test func baseChainTellsHookAndPriority() {
        var chains = KernelChains()
        chains.add(chain: Self.chain.span)
        #expect(
            chains.bases == [
                ChainKey(.ip, "nat", "OUTPUT"): BaseChain(hook: .output, priority: -100, type: .nat, policy: .accept)
            ])
    }

    @Test func rulesAreNumberedWithinTheirChain() {
        let key = ChainKey(.ip, "nat", "OUTPUT")
        var second = Self.rule
        second[35] = 9
        var chains = KernelChains()
        chains.add(rule: Self.rule.span)
        chains.add(rule: second.span)
        #expect(chains.rule(key, handle: 7) == .init(number: 1, isReject: true))
        #expect(chains.rule(key, handle: 9)?.number == 2)
        #expect(chains.rule(key, handle: 8) == nil)
    }

    @Test func whatIsCutShortIsNoTrap() {
        for length in 0..<Self.chain.count {
            var chains = KernelChains()
            chains.add(chain: Array(Self.chain[..<length]).span)
            let whole = BaseChain(hook: .output, priority: -100, type: .nat, policy: .accept)
            #expect(chains.bases.first?.value != whole, "\(length) bytes")
        }
        for length in 0..<Self.rule.count {
            var chains = KernelChains()
            chains.add(rule: Array(Self.rule[..<length]).span)
            #expect(chains.rule(ChainKey(.ip, "nat", "OUTPUT"), handle: 7)?.isReject != true)
        }
    }
}
