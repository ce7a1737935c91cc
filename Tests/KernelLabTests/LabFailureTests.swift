import KernelLab
import KernelLink
import Testing

@Suite struct LabFailureTests {
    @Test func tellsTheCallTheReasonAndWhatWasWanted() {
        let failure = LabFailure(call: "unshare", code: 1, words: "a network namespace")
        #expect(failure.description == "unshare: Operation not permitted: a network namespace")
        #expect(LabFailure(call: "nft", code: 0, words: "syntax error").description == "nft: syntax error")
    }
}
