import KernelLab
import KernelLink
import Testing

@Suite struct ChildProcessTests {
    @Test func largeInputComesBackWhole() throws {
        let input = [UInt8](repeating: 65, count: 3 << 20)
        let result = try ChildProcess.run(["cat"], input: input)
        #expect(result.status == 0)
        #expect(result.output == input)
        #expect(result.errors.isEmpty)
    }

    @Test func statusAndComplaintAreTold() throws {
        let result = try ChildProcess.run(["sh", "-c", "echo no >&2; exit 3"])
        #expect(result.status == 3)
        #expect(result.errorText == "no\n")
        #expect(try ChildProcess.run(["sh", "-c", "kill -9 $$"]).status == 137)
        #expect(throws: LabFailure(call: "sh -c echo no; exit 1", code: 0, words: "no\n")) {
            try ChildProcess.check(["sh", "-c", "echo no; exit 1"])
        }
    }

    @Test func programThatIsNotThereIsAFailure() {
        #expect(throws: LabFailure(call: "hookline-has-no-such", code: 2, words: "not installed")) {
            try ChildProcess.run(["hookline-has-no-such"])
        }
    }

    @Test func programThatTakesTooLongIsEnded() {
        #expect(throws: LabFailure(call: "sleep", code: 110, words: "after 1 s")) {
            try ChildProcess.run(["sleep", "600"], seconds: 1)
        }
    }
}
