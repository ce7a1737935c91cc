internal import Annotations
internal import ChainGraph
internal import NetTypes
public import RuleModel

/// The hooks of one layer as a packet comes to them, with what lies between.
public struct HookWay: Hashable, Sendable {
    public enum Layer: Hashable, Sendable, CaseIterable {
        case ip, bridge, arp

        func holds(_ family: TableFamily) -> Bool {
            switch family {
            case .ip, .ip6, .inet, .netdev: self == .ip
            case .bridge: self == .bridge
            case .arp: self == .arp
            }
        }
    }

    /// A hook, or what decides between two.
    public struct Stop: Hashable, Sendable {
        public enum Kind: Hashable, Sendable {
            case hook(Hook)
            /// Routing; a bridge's look at the address.
            case choice
            /// The host's own programs, or its IP layer above a bridge.
            case host
        }

        public var kind: Kind
        public var name: String
        /// Tables that have chains here, as packets meet them; then what is left out. None but for a hook.
        public var lines: [String] = []
        /// Whether the picture has a chain of this hook.
        public var isShown = false
    }

    public var layer: Layer
    /// What passes: each leads to the next.
    public var passing: [Stop]
    /// What comes to the host itself and from it: each leads to the next. The choice of `passing` leads to the first,
    /// and the last to the hook before the way out.
    public var local: [Stop]

    /// `A packet's way from hook to hook`
    public var title: String {
        switch layer {
        case .ip: "A packet's way from hook to hook"
        case .bridge: "A frame's way from hook to hook of a bridge"
        case .arp: "ARP's way from hook to hook"
        }
    }

    /// The places in `passing` of the choice that leads to the host, and of the hook to which the host's own lead.
    var turnOff: Int? { passing.firstIndex { $0.kind == .choice } }
    var turnIn: Int? { passing.firstIndex { $0.kind == .hook(.postrouting) } }
}

/// The ways through hooks of which a picture shows a chain.
///
/// - Parameter isKept: by chain, whether it is shown.
func hookWays(_ linked: LinkedRuleset, isKept: [Bool]) -> [HookWay] {
    HookWay.Layer.allCases.compactMap { layer in
        let reader = HookReader(linked: linked, isKept: isKept, layer: layer)
        return reader.isShown ? reader.way() : nil
    }
}

private struct HookReader {
    let linked: LinkedRuleset
    let isKept: [Bool]
    let layer: HookWay.Layer
    /// By hook, the layer's chains, as packets meet them.
    private var chains: [Hook: [ChainID]] = [:]
    private let versions: [IPVersion]

    init(linked: LinkedRuleset, isKept: [Bool], layer: HookWay.Layer) {
        self.linked = linked
        self.isKept = isKept
        self.layer = layer
        for id in linked.chainIDs.map({ ChainID($0) }) {
            guard let base = linked.chain(id).base, layer.holds(linked.table(of: id).family) else { continue }
            chains[base.hook, default: []].append(id)
        }
        // As `LinkedRuleset.baseChains` has it: of one priority, the last comes first.
        for (hook, own) in chains {
            chains[hook] = own.sorted {
                (linked.chain($0).base?.priority ?? 0, $1.index) < (linked.chain($1).base?.priority ?? 0, $0.index)
            }
        }
        versions = IPVersion.allCases.filter { version in
            Hook.allCases.contains { !linked.baseChains(version, $0).isEmpty }
        }
    }

    var isShown: Bool { chains.values.contains { $0.contains { isKept[$0.index] } } }

    func way() -> HookWay {
        switch layer {
        case .ip:
            // Hardly a host has chains on its devices: these hooks stand there only where it has.
            let first = chains[.ingress] == nil ? [] : [stop(.ingress)]
            let last = chains[.egress] == nil ? [] : [stop(.egress)]
            return HookWay(
                layer: layer,
                passing: first + [
                    stop(.prerouting), HookWay.Stop(kind: .choice, name: "routing"), stop(.forward),
                    stop(.postrouting),
                ] + last,
                local: [stop(.input), HookWay.Stop(kind: .host, name: "this host"), stop(.output)])
        case .bridge:
            return HookWay(
                layer: layer,
                passing: [
                    stop(.prerouting), HookWay.Stop(kind: .choice, name: "bridging"), stop(.forward),
                    stop(.postrouting),
                ],
                local: [stop(.input), HookWay.Stop(kind: .host, name: "this host's IP"), stop(.output)])
        case .arp:
            return HookWay(
                layer: layer, passing: [],
                local: [stop(.input), HookWay.Stop(kind: .host, name: "this host"), stop(.output)])
        }
    }

    private func stop(_ hook: Hook) -> HookWay.Stop {
        let all = chains[hook] ?? []
        let shownCount = all.reduce(0) { $0 + (isKept[$1.index] ? 1 : 0) }
        var stop = HookWay.Stop(kind: .hook(hook), name: hook.name, isShown: shownCount > 0)
        if all.isEmpty {
            stop.lines = ["no chain"]
            return stop
        }
        stop.lines = tables(hook)
        if shownCount < all.count { stop.lines.append("\(counted(all.count - shownCount, "chain")) not shown") }
        return stop
    }

    /// The tables of the chains that are shown, as packets of each IP version meet them.
    private func tables(_ hook: Hook) -> [String] {
        // Device by device, and frames: not by IP version.
        if layer != .ip || hook == .ingress || hook == .egress { return line(chains[hook] ?? []).map { [$0] } ?? [] }
        let lines = versions.map { line(linked.baseChains($0, hook)) }
        guard lines.count > 1, lines[0] != lines[1] else { return lines.first.flatMap { $0 }.map { [$0] } ?? [] }
        return zip(versions, lines).compactMap { version, line in
            line.map { "\(version == .v4 ? "IPv4" : "IPv6"): \($0)" }
        }
    }

    private func line(_ chains: [ChainID]) -> String? {
        var names: [String] = []
        for id in chains where isKept[id.index] {
            let table = linked.table(of: id)
            let name = linked.name(table.name) + (table.backend == .legacy ? " (legacy)" : "")
            if names.last != name { names.append(name) }
        }
        return names.isEmpty ? nil : names.joined(separator: " → ")
    }
}
