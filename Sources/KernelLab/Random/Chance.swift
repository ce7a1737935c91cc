/// Random numbers that a seed fixes for good, on every machine and in every version of Swift: SplitMix64.
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
package struct Chance: Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    /// Numbers of their own for one purpose of a seed, so that a change in one does not shift the others.
    package init(seed: UInt64, purpose: UInt64) {
        var first = Chance(seed: seed ^ (purpose &* 0xd134_2543_de82_ef95))
        state = first.next()
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    /// A number from 0 to below `count`; 0 where `count` is not above 0.
    package mutating func below(_ count: Int) -> Int {
        guard count > 1 else { return 0 }
        return Int(next().multipliedFullWidth(by: UInt64(count)).high)
    }

    package mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + below(range.upperBound - range.lowerBound + 1)
    }

    package mutating func percent(_ chance: Int) -> Bool { below(100) < chance }

    /// One of `choices`, which must not be empty.
    package mutating func pick<Value>(_ choices: [Value]) -> Value {
        precondition(!choices.isEmpty, "nothing to pick from")
        return choices[below(choices.count)]
    }

    /// One of `choices`, or `nil` where there is none.
    package mutating func pickAny<Value>(_ choices: [Value]) -> Value? {
        choices.isEmpty ? nil : choices[below(choices.count)]
    }

    /// So many different ones of `choices` (all, where there are fewer), in their order.
    package mutating func some<Value>(_ choices: [Value], _ count: Int) -> [Value] {
        var result: [Value] = []
        var wanted = min(count, choices.count)
        for (index, choice) in choices.enumerated() where wanted > 0 && below(choices.count - index) < wanted {
            result.append(choice)
            wanted -= 1
        }
        return result
    }

    /// The place of one of `weights`, each as likely as it is heavy; `nil` where all are 0.
    package mutating func weighted(_ weights: [Int]) -> Int? {
        var total = 0
        for weight in weights { total += weight }
        guard total > 0 else { return nil }
        var left = below(total)
        for (index, weight) in weights.enumerated() {
            if left < weight { return index }
            left -= weight
        }
        return nil
    }
}
