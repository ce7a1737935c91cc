internal import ChainGraph
internal import NetTypes
internal import RuleModel
internal import SourceText

/// How rules may end a packet, whatever their conditions are.
public struct RuleEndings: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let dropped = RuleEndings(rawValue: 1 << 0)
    public static let rejected = RuleEndings(rawValue: 1 << 1)
    public static let queued = RuleEndings(rawValue: 1 << 2)

    /// What one rule may come to.
    init(_ rule: Rule) {
        self = []
        for statement in rule.statements {
            switch statement {
            // One that meets a malformed header drops the packet itself.
            case .match(.tcp): formUnion(.dropped)
            case .match: break
            case .target(let target): formUnion(RuleEndings(target))
            }
        }
    }

    private init(_ target: Target) {
        switch target {
        case .drop, .tproxy, .synproxy, .clusterIP, .unknown: self = .dropped
        case .reject: self = .rejected
        case .queue, .nfQueue: self = .queued
        // Without an address or a port that is free the packet is dropped; so is one that is cut off in its header.
        case .dnat, .snat, .masquerade, .redirect, .netmap, .tcpMSS, .tcpOptionStrip, .ecn: self = .dropped
        case .native(let statement): self.init(statement)
        case .accept, .return, .jump, .goto, .mark, .connectionMark, .ct, .notrack, .classify, .dscp, .tos,
            .timeToLive, .hmark, .prefixTranslation, .set, .connectionSecurityMark, .checksumFill, .securityMark, .log,
            .nfLog, .ulog, .audit, .tee, .idleTimer, .led, .rateEstimate, .trace:
            self = []
        }
    }

    private init(_ statement: NativeStatement) {
        switch statement {
        // A map may hold any verdict.
        case .verdictMap, .xtables, .unknown: self = [.dropped, .rejected, .queued]
        case .reject: self = .rejected
        case .queue: self = .queued
        case .translate, .forward, .tproxy, .synproxy, .object, .objectMap, .assign: self = .dropped
        case .continue, .counter, .limit, .quota, .connectionCount, .last, .log, .duplicate, .notrack, .changeSet,
            .flow, .resetOption:
            self = []
        }
    }
}

/// What all rules that packets of `version` may meet at `hook` can come to, jumps followed; linear in the chains.
///
/// - Parameter own: of each chain's own rules, by chain id.
func reachableEndings(_ linked: LinkedRuleset, _ own: [RuleEndings], _ version: IPVersion, _ hook: Hook) -> RuleEndings
{
    var waiting = linked.baseChains(version, hook)
    if waiting.isEmpty { return [] }
    var result: RuleEndings = []
    var isSeen = [Bool](repeating: false, count: linked.chainCount)
    while let id = waiting.popLast() {
        if isSeen[id.index] { continue }
        isSeen[id.index] = true
        result.formUnion(own[id.index])
        if linked.chain(id).base?.policy == .drop { result.formUnion(.dropped) }
        for jump in linked.jumps[id.index] {
            if let target = jump.target { waiting.append(target) } else { result.formUnion(.dropped) }
        }
    }
    return result
}

/// The sets that SET targets change, in the order of rules.
func changedSets(_ rule: Rule) -> [Symbol] {
    guard case .set(let target)? = rule.target else { return [] }
    return [target.add?.set, target.delete?.set].compactMap { $0 }
}
