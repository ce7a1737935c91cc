internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// Options in the header of IPv4, which the IP layer reads once a packet from the wire has its route.
// Source: net/ipv4/ip_input.c `ip_rcv_finish_core`, `ip_rcv_options`, net/ipv4/ip_options.c `__ip_options_compile`,
// `ip_options_rcv_srr`, Linux 6.18; observed there.
extension Evaluator {
    /// The ways of a packet that has its route: the end of one whose options are broken, or that names the routers it wants
    /// to go by where that is not allowed; where it is, it is not followed whether it gets on.
    func withOptionsRead(_ state: WalkState) -> [WalkState] {
        guard state.packet.version == .v4, let bytes = optionsV4(state.packet) else { return [state] }
        guard let options = readOptions(bytes) else { return [ended(state, .filtered, .badHeader)] }
        if options.hasLabel {
            let unknown = Unknown(
                "cipso", whenYes: "the host knows the domain of the packet's security label (CIPSO, NetLabel)",
                whenNo: "the host does not know the domain of the packet's security label (CIPSO, NetLabel)")
            return decide(unknown, state).flatMap { isKnown, way in
                isKnown ? bySourceRoute(options, way) : [ended(way, .filtered, .badHeader)]
            }
        }
        return bySourceRoute(options, state)
    }

    /// Whether an error tells the sender that the packet's options are broken; that source routes are not allowed none does.
    func hasBrokenOptions(_ packet: Packet) -> Bool {
        packet.version == .v4 && optionsV4(packet).map { readOptions($0) == nil } ?? false
    }

    private func bySourceRoute(_ options: Options, _ state: WalkState) -> [WalkState] {
        if !options.hasSourceRoute { return [state] }
        var takes = model.commonSetting(.v4, "accept_source_route") ?? 0
        if case .known(let name) = state.arrival {
            takes = min(takes, model.interfaceSetting(.v4, name, "accept_source_route") ?? 1)
        }
        if takes == 0 { return [ended(state, .filtered, .badHeader)] }
        let unknown = Unknown(
            "source-route", whenYes: "the routers that the packet wants to go by lead it where its route leads",
            whenNo: "the routers that the packet wants to go by, which are not followed, lead it elsewhere or nowhere")
        return decide(unknown, state).map { goesOn, way in goesOn ? way : ended(way, .filtered, .unknownRule) }
    }

    /// The bytes between the fixed part of the header and what the packet carries; `nil` where there are none.
    private func optionsV4(_ packet: Packet) -> ArraySlice<UInt8>? {
        let bytes = packet.bytes
        guard bytes.count > 20, bytes[0] >> 4 == 4, !packet.unknown.contains(.otherHeaders) else { return nil }
        let end = Int(bytes[0] & 15) * 4
        return end > 20 && end <= bytes.count ? bytes[20..<end] : nil
    }

    /// What is among a packet's options that decides about it.
    private struct Options {
        var hasSourceRoute = false
        var hasLabel = false
    }

    /// `nil` where they are broken.
    private func readOptions(_ options: ArraySlice<UInt8>) -> Options? {
        var place = options.startIndex
        var found = Options()
        var (hasRecord, hasTimes) = (false, false)
        while place < options.endIndex {
            let kind = options[place]
            if kind == 0 { break }
            if kind == 1 {
                place += 1
                continue
            }
            let rest = options.endIndex - place
            guard rest >= 2 else { return nil }
            let length = Int(options[place + 1])
            guard length >= 2, length <= rest else { return nil }
            let pointer = length > 2 ? Int(options[place + 2]) : 0
            switch kind {
            case 131, 137:
                guard length >= 3, pointer >= 4, !found.hasSourceRoute else { return nil }
                found.hasSourceRoute = true
            case 7:
                guard length >= 3, pointer >= 4, !hasRecord, pointer > length || pointer + 3 <= length else {
                    return nil
                }
                hasRecord = true
            case 68:
                guard length >= 4, pointer >= 5, !hasTimes,
                    takesTimes(options[place + 3], pointer: pointer, length: length)
                else { return nil }
                hasTimes = true
            // Router alert; what it says is for others.
            case 148: if length < 4 { return nil }
            case 134:
                if found.hasLabel { return nil }
                found.hasLabel = true
            default: break
            }
            place += length
        }
        return found
    }

    /// Whether the room of a timestamp option is as its pointer and flags say.
    private func takesTimes(_ flags: UInt8, pointer: Int, length: Int) -> Bool {
        let kind = flags & 15
        guard pointer <= length else { return kind == 3 || flags >> 4 != 15 }
        guard pointer + 3 <= length else { return false }
        return kind != 1 && kind != 3 || pointer + 7 <= length
    }
}
