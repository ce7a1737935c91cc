import PathModel
import RuleModel
import SourceText
import Testing

/// How elements of native sets are found.
@Suite struct NativeSetIndexTests {
    private func index(_ widths: [Int], _ elements: [([UInt8], [UInt8])]) -> NativeSetIndex {
        var set = NativeSet(name: .empty, widths: widths, place: .none)
        for (low, high) in elements { set.elements.append(low, high) }
        return NativeSetIndex(set)
    }

    @Test func singleValuesAndRangesAreFound() {
        let own = index([2], [([0, 80], [0, 80]), ([1, 0], [1, 255]), ([0, 90], [0, 99]), ([0, 95], [0, 120])])
        #expect(own.find([0, 80]) == 0)
        #expect(own.find([0, 81]) == nil)
        #expect(own.find([1, 7]) == 1)
        #expect(own.find([0, 90]) == 2)
        // Overlapping ranges of `auto-merge` are one.
        #expect(own.find([0, 120]) == 2)
        #expect(own.find([0, 121]) == nil)
        #expect(own.find([2, 0]) == nil)
    }

    @Test func eachPartOfAKeyLiesInItsRange() {
        let own = index([1, 2], [([6, 0, 80], [6, 0, 90]), ([17, 0, 53], [17, 0, 53])])
        #expect(own.find([6, 0, 85]) == 0)
        #expect(own.find([17, 0, 53]) == 1)
        #expect(own.find([7, 0, 85]) == nil)
        #expect(own.find([6, 0, 91]) == nil)
    }

    @Test func whatHasRunOutIsGone() {
        var set = NativeSet(name: .empty, widths: [1], place: .none)
        var old = NativeElements.Extra()
        old.expires = 0
        var young = NativeElements.Extra()
        young.expires = 5
        set.elements.append([1], [1], .none, old)
        set.elements.append([2], [2], .none, young)
        let own = NativeSetIndex(set)
        #expect(own.find([1]) == nil)
        #expect(own.find([2]) == 1)
        #expect(own.liveElements == [1])
    }

    @Test func aKeyOfWhichSomeBitsAreKnownMayBeOfSeveral() {
        let own = index([2], [([0, 80], [0, 80]), ([1, 0], [1, 255])])
        #expect(own.mayHave(0, [0, 0], known: [255, 0]))
        #expect(!own.mayHave(1, [0, 0], known: [255, 0]))
        #expect(!own.mayHave(0, [0, 0x0f], known: [0, 0x0f]))
    }
}
