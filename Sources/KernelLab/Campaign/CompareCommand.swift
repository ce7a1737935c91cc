internal import Glibc
internal import KernelLink
internal import NetTypes
internal import SourceText

/// What `Tools/kernel-compare` starts: a worker of a campaign, the merging of workers' counts, or folders.
public func compareWithKernel(_ arguments: [String]) -> Never {
    let words = Array(arguments.dropFirst())
    switch words.first {
    case "worker": exit(work(Array(words.dropFirst())))
    case "total": exit(total(Array(words.dropFirst())))
    case "sets": exit(compareSets(Array(words.dropFirst())))
    case "sets-total": exit(totalOfSets(Array(words.dropFirst())))
    case "set-operations": writeSetOperations(Array(words.dropFirst()))
    case "folders": exit(compareFolders(Array(words.dropFirst())))
    default:
        put("kernel-compare is started by Tools/kernel-compare\n", to: 2)
        exit(2)
    }
}

private func put(_ text: String, to descriptor: Int32 = 1) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
        let count = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { return }
        bytes = bytes.dropFirst(count)
    }
}

/// `NAME=NUMBER` words.
private func number(_ name: String, in words: [String]) -> Int? {
    words.first { $0.hasPrefix(name + "=") }.flatMap { Int($0.dropFirst(name.count + 1)) }
}

private func settings(_ words: [String]) -> CampaignSettings {
    var settings = CampaignSettings()
    settings.seed = UInt64(number("seed", in: words) ?? 1)
    settings.ruleSets = number("rule-sets", in: words) ?? settings.ruleSets
    settings.packetsOfRuleSet = number("packets", in: words) ?? settings.packetsOfRuleSet
    settings.nativeShare = number("native", in: words) ?? 0
    settings.worker = number("worker", in: words) ?? 0
    settings.workers = number("workers", in: words) ?? 1
    settings.mostKept = number("most", in: words) ?? settings.mostKept
    settings.shrinkTries = number("tries", in: words) ?? settings.shrinkTries
    if let folder = words.first(where: { $0.hasPrefix("keep=") }) { settings.folder = String(folder.dropFirst(5)) }
    return settings
}

private func work(_ words: [String]) -> Int32 {
    do throws(LabFailure) {
        var campaign = try Campaign(settings(words)) { put($0 + "\n", to: 2) }
        put(campaign.run().lines.map { $0 + "\n" }.joined())
        return 0
    } catch {
        put("kernel-compare: skipped: \(error)\n", to: 2)
        return 3
    }
}

/// Adds up what workers wrote to standard input.
private func total(_ words: [String]) -> Int32 {
    var totals = Totals()
    var text = ""
    while let line = readLine(strippingNewline: false) { text += line }
    totals.add(Totals(lines: text.split(separator: "\n")))
    let report = totals.report(tellsParts: words.contains("parts"), least: number("least", in: words) ?? 0)
    put(report.map { $0 + "\n" }.joined())
    // In thousandths of the packets.
    let allowed = totals.packets * (number("allow", in: words) ?? 0) / 1000
    return totals.disagreed <= allowed ? 0 : 1
}

/// A worker that holds sets of packets against single ones. It needs no kernel.
private func compareSets(_ words: [String]) -> Int32 {
    do throws(LabFailure) {
        var campaign = SetCampaign(settings(words)) { put($0 + "\n", to: 2) }
        put(try campaign.run().lines.map { $0 + "\n" }.joined())
        return 0
    } catch {
        put("set-compare: \(error)\n", to: 2)
        return 1
    }
}

/// Adds up what such workers wrote to standard input.
private func totalOfSets(_ words: [String]) -> Int32 {
    var totals = SetTotals()
    while let line = readLine() { totals.add(line: line) }
    put(totals.report.map { $0 + "\n" }.joined())
    // In thousandths of the packets, of what is told wrong.
    let allowed = totals.packets * (number("allow", in: words) ?? 0) / 1000
    return totals.wrong <= allowed && totals.packets > 0 ? 0 : 1
}

/// Operations on sets of packets with what they come to, for `Tools/set-oracle.c`.
private func writeSetOperations(_ words: [String]) -> Never {
    let operations = SetOperations(
        seed: UInt64(number("seed", in: words) ?? 1), number("version", in: words) == 6 ? .v6 : .v4,
        rules: number("rules", in: words) ?? 100, operations: number("operations", in: words) ?? 1000)
    put(operations.lines.map { $0 + "\n" }.joined())
    exit(0)
}

/// Folders with questions, or with packets of a scenario that was kept. The first word is the path of hookline.
private func compareFolders(_ words: [String]) -> Int32 {
    var counts = (agreed: 0, disagreed: 0, skipped: 0)
    for folder in words.dropFirst().flatMap(withFolders) {
        do throws(LabFailure) {
            if hasFile(folder, Scenario.flowName) {
                let found = try repeatScenario(folder)
                put(found.text)
                if found.isAgreed { counts.agreed += 1 } else { counts.disagreed += 1 }
            } else {
                let found = try askQuestions(folder, words[0])
                put(found.lines.map { $0 + "\n" }.joined())
                counts.agreed += found.agreed
                counts.disagreed += found.disagreed
                counts.skipped += found.refused
            }
        } catch {
            put("\(folder): SKIPPED: \(error)\n")
            counts.skipped += 1
        }
    }
    put("folders: \(counts.agreed) agree, \(counts.disagreed) DISAGREE, \(counts.skipped) skipped\n")
    return counts.disagreed == 0 ? 0 : 1
}

private func hasFile(_ folder: String, _ name: String) -> Bool { unsafe access("\(folder)/\(name)", F_OK) == 0 }

/// A folder that has neither questions nor packets stands for the folders in it.
private func withFolders(_ folder: String) -> [String] {
    if hasFile(folder, Scenario.flowName) || hasFile(folder, "questions.txt") { return [folder] }
    let names = (try? directoryEntries(folder, limit: 10_000)) ?? []
    let inner = names.map { "\(folder)\(folder.hasSuffix("/") ? "" : "/")\($0)" }
    let found = inner.filter { hasFile($0, Scenario.flowName) }
    return found.isEmpty ? [folder] : found
}

private func repeatScenario(_ folder: String) throws(LabFailure) -> (isAgreed: Bool, text: String) {
    let scenario = try Scenario(folder: folder)
    var text = ""
    var isAgreed = true
    for (index, verdict) in try scenario.run().enumerated() {
        let name = "\(folder): packet \(index + 1): \(verdict.packet.packet.words)"
        switch verdict.finding {
        case .agrees: break
        case .skipped(let reason): text += "\(name): skipped: \(reason)\n"
        case .disagrees(let differences):
            isAgreed = false
            text += "\(name): DISAGREES\n" + differences.map { "    \($0)\n" }.joined()
            text += "  kernel:\n" + verdict.account.map { "    \($0)\n" }.joined()
        }
    }
    return (isAgreed, text)
}
