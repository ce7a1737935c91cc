internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

extension Evaluator {
    /// `-j SET --map-set`: mark and priority out of the element that has the packet, after what the same rule adds and
    /// deletes. Source: net/netfilter/xt_set.c `set_target_v3`.
    func mapSet(_ target: SetTarget, _ state: inout WalkState, _ changes: inout [Change]) {
        guard let map = target.map, target.mapsMark || target.mapsPriority else { return }
        var match = SetMatch()
        match.name = .is(map.set)
        match.directions = map.directions
        switch testSet(match, state) {
        case .no: return
        case .perhaps:
            if target.mapsMark {
                changes.append(Change(.mark, before: .number(state.packet.mark), after: .unknown))
                state.packet.unknown.insert(.mark)
            }
            return
        case .yes: break
        }
        guard let entry = model.sets.entries[map.set], case .key(let key) = setKey(for: entry.set, match, state),
            let element = entry.element(for: key, names, state.setChanges[map.set])
        else { return }
        if target.mapsMark, let word = element.skbMark {
            let mark = word.applied(to: state.packet.mark)
            changes.append(Change(.mark, before: .number(state.packet.mark), after: .number(mark)))
            state.packet.mark = mark
        }
        if target.mapsPriority, let priority = element.skbPriority {
            changes.append(Change(.priority, before: .number(state.packet.priority), after: .number(priority)))
            state.packet.priority = priority
        }
    }
}
