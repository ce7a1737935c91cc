internal import KernelLink
internal import RuleModel

extension Scenario {
    /// The scenario with as little in it as still has its last packet disagree; at most `tries` smaller ones are tried.
    func shrunk(on driver: inout Driver, tries: Int) -> Scenario {
        var left = tries
        var best = last
        if !best.disagrees(on: &driver, &left) {
            // What came before has left something behind.
            best = self
            guard disagrees(on: &driver, &left) else { return self }
        }
        var isSmaller = true
        while isSmaller, left > 0 {
            isSmaller = false
            for part in Part.allCases {
                var size = 16
                while size > 0, left > 0 {
                    var position = 0
                    while left > 0 {
                        guard let candidate = best.without(part, position, size) else { break }
                        if candidate.disagrees(on: &driver, &left) {
                            best = candidate
                            isSmaller = true
                        } else {
                            position += size
                        }
                    }
                    size /= 2
                }
            }
        }
        return best
    }

    /// What may be taken away.
    private enum Part: CaseIterable { case packets, ruleLines, setLines }

    /// Without `size` of a kind of parts from the one at `position` on; `nil` where there are no more.
    private func without(_ part: Part, _ position: Int, _ size: Int) -> Scenario? {
        var smaller = self
        switch part {
        case .packets:
            // The last one is what it is about.
            guard position < packets.count - 1 else { return nil }
            smaller.packets.removeSubrange(position..<min(position + size, packets.count - 1))
        case .ruleLines, .setLines:
            let start = part == .ruleLines ? "-A " : "add "
            var number = 0
            var isChanged = false
            for index in texts.indices where texts[index].isRules {
                var kept = ""
                for line in texts[index].text.split(separator: "\n", omittingEmptySubsequences: false) {
                    if line.hasPrefix(start) {
                        number += 1
                        if number > position, number <= position + size {
                            isChanged = true
                            continue
                        }
                    }
                    kept += line + "\n"
                }
                smaller.texts[index] = SnapshotText(name: texts[index].name, text: String(kept.dropLast()))
            }
            guard isChanged else { return nil }
        }
        return smaller
    }

    private func disagrees(on driver: inout Driver, _ left: inout Int) -> Bool {
        left -= 1
        do throws(LabFailure) {
            if case .disagrees? = try run(on: &driver).last?.finding { return true }
        } catch {
            // Smaller than what loads: a rule needs what was taken away.
        }
        return false
    }
}
