/// Numbers as runs that neither overlap nor touch, in their order.
struct ValueSet: Hashable, Sendable {
    struct Run: Hashable, Sendable {
        var low: UInt128
        var high: UInt128
    }

    private(set) var runs: [Run]

    static let all = ValueSet([Run(low: 0, high: .max)])

    var isEmpty: Bool { runs.isEmpty }

    /// Runs in any order; those whose low end is above their high end hold nothing.
    init(_ given: [Run]) {
        runs = []
        for run in given.filter({ $0.low <= $0.high }).sorted(by: { $0.low < $1.low }) {
            if let last = runs.last, last.high == .max || run.low <= last.high + 1 {
                runs[runs.count - 1].high = max(last.high, run.high)
            } else {
                runs.append(run)
            }
        }
    }

    init(_ low: UInt128, _ high: UInt128) { self.init([Run(low: low, high: high)]) }

    var inverted: ValueSet {
        var result: [Run] = []
        var next: UInt128? = 0
        for run in runs {
            if let low = next, low < run.low { result.append(Run(low: low, high: run.low - 1)) }
            next = run.high == .max ? nil : run.high + 1
        }
        if let low = next { result.append(Run(low: low, high: .max)) }
        return ValueSet(result)
    }

    /// What is in both; linear in the runs.
    func intersection(_ other: ValueSet) -> ValueSet {
        var result: [Run] = []
        var a = 0
        var b = 0
        while a < runs.count, b < other.runs.count {
            let low = max(runs[a].low, other.runs[b].low)
            let high = min(runs[a].high, other.runs[b].high)
            if low <= high { result.append(Run(low: low, high: high)) }
            if runs[a].high < other.runs[b].high { a += 1 } else { b += 1 }
        }
        return ValueSet(result)
    }
}

/// What is known of a word's bits: the test for a value under a mask, and others that must not hold.
struct MaskedLimits: Hashable, Sendable {
    private var value: UInt32 = 0
    private var mask: UInt32 = 0
    private var excluded: [(value: UInt32, mask: UInt32)] = []
    /// Whether no word meets all tests.
    private(set) var isImpossible = false

    init() {}

    mutating func add(_ test: UInt32, under own: UInt32, isNegated: Bool) {
        if isNegated {
            // A value with bits outside the mask is never met.
            if test & ~own == 0 { excluded.append((test, own)) }
        } else if test & ~own != 0 || (test ^ value) & own & mask != 0 {
            isImpossible = true
        } else {
            value |= test
            mask |= own
        }
        if excluded.contains(where: { $0.mask & ~mask == 0 && value & $0.mask == $0.value }) { isImpossible = true }
    }

    static func == (a: Self, b: Self) -> Bool {
        a.value == b.value && a.mask == b.mask && a.isImpossible == b.isImpossible
            && a.excluded.elementsEqual(b.excluded) { $0 == $1 }
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(value)
        hasher.combine(mask)
    }
}
