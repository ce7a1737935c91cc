internal import ChainGraph
internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// The condition's answer if its variable has one on this way or by `--assume`; `nil` if it is open.
    func settle(_ unknown: Unknown, _ state: inout WalkState) -> Bool? {
        for settled in state.history.settled where settled.name == unknown.name {
            return settled.isYes != unknown.isNegated
        }
        guard let value = given(unknown) else { return nil }
        let isYes = value == unknown.yes || value == "yes"
        guard isYes || value == unknown.no || value == "no" else { return nil }
        var assumption = Assumption(
            name: unknown.name, value: isYes ? unknown.yes : unknown.no,
            text: isYes ? unknown.whenYes : unknown.whenNo, step: state.history.steps.count)
        assumption.isGiven = true
        state.history.assumptions.append(assumption)
        state.history.settled.append(WalkState.Settled(name: unknown.name, isYes: isYes))
        if isYes { pin(unknown, &state) }
        return isYes != unknown.isNegated
    }

    /// What `--assume` says of a variable: by its whole name (`set@NAME:ADDRESS`), by what it is about (`set@NAME`), or by
    /// its kind (`set`).
    private func given(_ unknown: Unknown) -> String? {
        if request.assumptions.isEmpty { return nil }
        if let value = request.assumptions[unknown.name] { return value }
        let name = unknown.name.utf8
        guard let at = name.firstIndex(of: UInt8(ascii: "@")) else { return nil }
        if let colon = name[at...].firstIndex(of: UInt8(ascii: ":")),
            let value = request.assumptions[String(decoding: name[..<colon], as: UTF8.self)]
        {
            return value
        }
        return request.assumptions[String(decoding: name[..<at], as: UTF8.self)]
    }

    /// `state` on the way where all of `unknowns` hold as asked, or not all of them do.
    func assume(_ unknowns: [Unknown], _ holds: Bool, _ reference: RuleReference?, _ state: WalkState) -> WalkState {
        var state = state
        assume(unknowns, holds, reference, in: &state)
        return state
    }

    /// Takes for granted on this way that all of `unknowns` hold as asked, or that not all of them do.
    func assume(_ unknowns: [Unknown], _ holds: Bool, _ reference: RuleReference?, in state: inout WalkState) {
        if !holds, unknowns.count > 1, let reference {
            // Which of several fails can't be told apart by what follows.
            state.history.assumptions.append(
                Assumption(
                    name: "rule@\(cite(reference))", value: "no",
                    text: "not every open condition of \(cite(reference)) holds", step: nil))
            state.history.probability = nil
            return
        }
        for unknown in unknowns {
            let isYes = holds != unknown.isNegated
            state.history.assumptions.append(
                Assumption(
                    name: unknown.name, value: isYes ? unknown.yes : unknown.no,
                    text: isYes ? unknown.whenYes : unknown.whenNo, step: holds ? state.history.steps.count : nil))
            let before = unknown.probability == nil ? state.history.probability : nil
            state.history.settled.append(
                WalkState.Settled(name: unknown.name, isYes: isYes, probabilityBefore: before))
            if let chance = unknown.probability, let before = state.history.probability {
                state.history.probability = before * (isYes ? chance : 1 - chance)
            } else {
                state.history.probability = nil
            }
            if isYes { pin(unknown, &state) }
        }
    }

    private func pin(_ unknown: Unknown, _ state: inout WalkState) {
        switch unknown.pins {
        case .inInterface(let name)?:
            state.context.inInterface = .known(name)
            state.arrival = .known(name)
        case .outInterface(let name)?:
            state.context.outInterface = .known(name)
            state.route?.interface = name
        case nil: break
        }
    }
}
