internal import ChainGraph
public import RuleModel
public import SourceText

/// A native set or map, with its elements found by their keys.
///
/// Elements of one value each are found by a dictionary, ranges of one-part keys by their order, and what has ranges in
/// several parts one after another.
public struct NativeSetIndex: Sendable {
    public let set: NativeSet
    /// Indexes of elements that are one value each, by it.
    private let single: [[UInt8]: Int]
    /// Ranges of one-part keys, by their low ends; none overlaps another.
    private let runs: [Run]
    /// Elements of several parts, of which one is a range at least.
    private let boxes: [Int]

    private struct Run: Sendable {
        var low: ArraySlice<UInt8>
        var high: ArraySlice<UInt8>
        var element: Int
    }

    public init(_ set: NativeSet) {
        self.set = set
        let elements = set.elements
        var single: [[UInt8]: Int] = [:]
        var ranges: [Int] = []
        for index in 0..<elements.count {
            // What has run out is gone, though nothing has swept it out yet.
            if elements.extra(index)?.expires == 0 { continue }
            if elements.isRange(index) {
                ranges.append(index)
            } else if single[Array(elements.low(index))] == nil {
                single[Array(elements.low(index))] = index
            }
        }
        self.single = single
        guard elements.widths.count == 1 else {
            boxes = ranges
            runs = []
            return
        }
        boxes = []
        var runs: [Run] = []
        let sorted = ranges.sorted { elements.low($0).lexicographicallyPrecedes(elements.low($1)) }
        for index in sorted {
            let run = Run(low: elements.low(index), high: elements.high(index), element: index)
            // The kernel refuses what overlaps, and `auto-merge` makes one of it.
            if let last = runs.last, !last.high.lexicographicallyPrecedes(run.low) {
                if last.high.lexicographicallyPrecedes(run.high) { runs[runs.count - 1].high = run.high }
            } else {
                runs.append(run)
            }
        }
        self.runs = runs
    }

    /// The element that has `key`, besides `*`.
    public func find(_ key: [UInt8]) -> Int? {
        if let index = single[key] { return index }
        if !runs.isEmpty, let index = findRun(key) { return index }
        return boxes.first { has($0, key) }
    }

    private func findRun(_ key: [UInt8]) -> Int? {
        var first = 0
        var end = runs.count
        while first < end {
            let middle = first + (end - first) / 2
            if runs[middle].high.lexicographicallyPrecedes(key) { first = middle + 1 } else { end = middle }
        }
        guard first < runs.count, !key.lexicographicallyPrecedes(runs[first].low) else { return nil }
        return runs[first].element
    }

    /// Whether each part of `key` lies in the element's range of that part.
    private func has(_ index: Int, _ key: [UInt8]) -> Bool {
        mayHave(index, key, known: [UInt8](repeating: 0xff, count: key.count))
    }

    /// Whether the element may have a key of which only the bits in `known` are known.
    public func mayHave(_ index: Int, _ key: [UInt8], known: [UInt8]) -> Bool {
        guard key.count == set.elements.width, known.count == key.count else { return false }
        let low = set.elements.low(index)
        let high = set.elements.high(index)
        var start = 0
        for width in set.elements.widths {
            let part = start..<start + width
            start += width
            let least = part.map { key[$0] & known[$0] }
            let most = part.map { key[$0] | ~known[$0] }
            let ownLow = low[low.startIndex + part.lowerBound..<low.startIndex + part.upperBound]
            let ownHigh = high[high.startIndex + part.lowerBound..<high.startIndex + part.upperBound]
            if ownHigh.lexicographicallyPrecedes(least) || most.lexicographicallyPrecedes(ownLow) { return false }
            // Of one value every known bit must fit.
            if ownLow == ownHigh,
                zip(part, ownLow).contains(where: { (key[$0] ^ $1) & known[$0] != 0 })
            {
                return false
            }
        }
        return true
    }

    /// Every element that has not run out.
    public var liveElements: [Int] {
        (0..<set.elements.count).filter { set.elements.extra($0)?.expires != 0 }
    }
}

/// A native set's name: the table it is in, by its place in the rule set, and its own.
public struct NativeSetName: Hashable, Sendable {
    public let table: Int
    public let name: Symbol

    public init(table: Int, name: Symbol) {
        self.table = table
        self.name = name
    }
}

/// The native sets of a rule set, linear in their elements but for the order of ranges.
func indexNativeSets(_ ruleset: Ruleset) -> [NativeSetName: NativeSetIndex] {
    var result: [NativeSetName: NativeSetIndex] = [:]
    for (index, table) in ruleset.tables.enumerated() {
        for set in table.sets {
            let name = NativeSetName(table: index, name: set.name)
            if result[name] == nil { result[name] = NativeSetIndex(set) }
        }
    }
    return result
}
