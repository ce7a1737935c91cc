import CommandLineTool
import SourceText
import Testing

@Suite struct PacketStreamTests {
    private func results(_ call: Call) throws -> [JSONValue] {
        try call.output.split(separator: "\n").map { try readJSON(Array($0.utf8).span) }
    }

    private func packet(_ id: Int, port: Int, more: String = "") -> String {
        "{\"id\":\(id),\"in\":\"eth0\",\"source\":\"198.51.100.7\",\"destination\":\"192.0.2.1\",\"protocol\":\"tcp\",\"destinationPort\":\(port)\(more)}\n"
    }

    @Test func oneResultALineInOrder() throws {
        let around = Around(files: ["p": [packet(1, port: 22) + packet(2, port: 80), packet(3, port: 22)]])
        let call = call("trace - --packets p", around)
        #expect(call.status == 0)
        #expect(call.error == "")
        let results = try results(call)
        #expect(results.map { $0["id"]?.number?.unsigned } == [1, 2, 3])
        #expect(results.map { $0["outcome"]?.string } == ["delivered", "dropped", "delivered"])
    }

    @Test func aLineThatCannotBeReadHasAnErrorInItsPlace() throws {
        let bad = "{\"id\":\"x\",\"foo\":1}\n"
        let around = Around(files: ["p": [packet(1, port: 22) + bad + "nonsense\n\n" + packet(4, port: 22)]])
        let call = call("trace - --packets p", around)
        #expect(call.status == 2)
        let results = try results(call)
        #expect(results.count == 4)
        #expect(results[1].object?.first?.key == "error")
        #expect(results[1]["error"]?.string == "p:2:11: error: 'foo' is not a key of a packet")
        #expect(results[1]["id"]?.string == "x")
        #expect(results[1]["line"]?.number?.unsigned == 2)
        #expect(results[2]["error"]?.string?.hasPrefix("p:3:1: error: ") == true)
        #expect(results[3]["outcome"]?.string == "delivered")
    }

    @Test func aLineIsReadHoweverItIsCut() throws {
        let text = packet(1, port: 22) + packet(2, port: 80)
        let pieces = text.map { String($0) }
        let call = call("trace - --packets p", Around(files: ["p": pieces]))
        #expect(try results(call).count == 2)
        let withoutEnd = Around(files: ["p": [String(text.dropLast())]])
        #expect(try results(self.call("trace - --packets p", withoutEnd)).count == 2)
        let crlf = Around(files: ["p": [text.replacing("\n", with: "\r\n")]])
        #expect(try results(self.call("trace - --packets p", crlf)).map { $0["error"] == nil } == [true, true])
    }

    private func call(_ line: String, _ around: Around) -> Call { CommandLineToolTests.call(line, around) }

    @Test func theFirstAnswerIsThereBeforeTheNextPacketIs() {
        let around = Around(files: ["p": [packet(1, port: 22), packet(2, port: 22), packet(3, port: 22)]])
        #expect(call("trace - --packets p", around).writes == 3)
    }

    /// Threads change nothing: the same answers in the same order, and the same words for lines that can't be read.
    @Test func threadsAnswerAsOneDoes() throws {
        var lines: [String] = []
        for number in 1...1500 {
            switch number % 10 {
            case 0: lines.append("{\"id\":\(number),\"foo\":1}\n")
            case 1: lines.append("\n")
            case 2: lines.append(packet(number, port: number, more: ",\"in\":\"eth\(number)\""))
            default: lines.append(packet(number, port: number % 40))
            }
        }
        var around = Around(files: ["p": [lines.joined()]])
        let alone = call("trace - --packets p --expect delivered", around)
        around.threads = 3
        let together = call("trace - --packets p --expect delivered", around)
        #expect(alone.output.split(separator: "\n").count == 1350)
        #expect(together.output == alone.output)
        #expect(together.status == alone.status)
        #expect(together.status == 2)
    }

    /// What was written of a rule before is written again as it was, its text with all that JSON escapes.
    @Test func anAnswerIsTheSameTheSecondTime() throws {
        var around = Around(files: ["p": [packet(1, port: 22) + packet(1, port: 22) + packet(1, port: 80)]])
        around.input = hostSnapshot.replacing(
            "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
            with: "-A INPUT -p tcp -m comment --comment \"a \\\"q\\\"\tüb\" -m tcp --dport 22 -j ACCEPT")
        let lines = call("trace - --packets p", around).output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0] == lines[1])
        #expect(lines[0].contains(#"--comment \"a \\\"q\\\"\tüb\" -m tcp"#))
        #expect(lines[0] != lines[2])
    }

    @Test func flowsRememberConnections() throws {
        let reply =
            "{\"id\":2,\"in\":\"eth0\",\"source\":\"198.51.100.7\",\"destination\":\"192.0.2.1\",\"protocol\":\"tcp\",\"sourcePort\":5000,\"destinationPort\":6000,\"tcpFlags\":\"syn,ack\"}\n"
        let first =
            "{\"id\":1,\"in\":null,\"source\":\"192.0.2.1\",\"destination\":\"198.51.100.7\",\"protocol\":\"tcp\",\"sourcePort\":6000,\"destinationPort\":5000}\n"
        let around = Around(files: ["p": [first + reply]])
        let apart = try results(call("trace - --packets p", around))
        #expect(apart.map { $0["outcome"]?.string } == ["sent", "dropped"])
        let together = try results(call("trace - --packets p --flows", around))
        #expect(together.map { $0["outcome"]?.string } == ["sent", "delivered"])
    }

    /// A packet that knocks puts its sender into a set, which a later one is let in by.
    @Test func flowsRememberWhatRulesDidToSets() throws {
        let snapshot =
            hostSnapshot.replacing(
                "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
                with:
                    "-A INPUT -m set --match-set friends src -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 7000 -j SET --add-set friends src"
            ) + "\n# ipset save\ncreate friends hash:ip family inet hashsize 1024 maxelem 65536\n"
        var around = Around(files: ["p": [packet(1, port: 22) + packet(2, port: 7000) + packet(3, port: 22)]])
        around.input = snapshot
        let apart = try results(call("trace - --packets p", around))
        #expect(apart.map { $0["outcome"]?.string } == ["dropped", "dropped", "dropped"])
        let together = try results(call("trace - --packets p --flows", around))
        #expect(together.map { $0["outcome"]?.string } == ["dropped", "dropped", "delivered"])
    }

    /// `--detail summary`: of each end the same outcome, decider, translations and packet as the long answer has.
    @Test func shortLinesSayWhatLongOnesDo() throws {
        let rules = "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT"
        let limit = "-A INPUT -p tcp --dport 23 -m limit --limit 5/sec -j ACCEPT\n"
        var around = Around(files: ["p": [packet(1, port: 22) + packet(2, port: 80) + packet(3, port: 23)]])
        around.input = hostSnapshot.replacing(rules, with: limit + rules)
        func lines(_ line: String) -> [String] { call(line, around).output.split(separator: "\n").map { String($0) } }
        let long = lines("trace - --packets p")
        let short = lines("trace - --packets p --detail summary")
        #expect(short.count == 3)
        for (longLine, shortLine) in zip(long, short) {
            let whole = try readJSON(Array(longLine.utf8).span)
            let verdict = try readJSON(Array(shortLine.utf8).span)
            for key in ["id", "outcome", "reason"] {
                #expect(text(verdict[key], shortLine) == text(whole[key], longLine), "\(key)")
            }
            #expect(verdict["steps"] == nil)
            let ends = ends(of: whole, after: [])
            let told = verdict["ends"]?.array ?? [verdict]
            #expect(told.count == ends.count)
            for (end, own) in zip(ends, told) {
                for key in ["outcome", "reason", "probability", "out"] {
                    #expect(text(own[key], shortLine) == text(end.result[key], longLine), "\(key)")
                }
                let decider = end.result["decidedBy"]?.number?.unsigned.map { end.steps[Int($0)] }
                #expect(text(own["decider"], shortLine) == text(decider, longLine))
                let translations = end.steps.filter { $0["kind"]?.string == "nat" }
                #expect(own["translations"]?.array?.count == translations.count)
            }
        }
    }

    private func text(_ value: JSONValue?, _ line: String) -> String? {
        value.map { String(decoding: Array(line.utf8)[$0.start..<$0.end], as: UTF8.self) }
    }

    /// The results without branches below `result`, each with the steps of its whole way.
    private func ends(of result: JSONValue, after before: [JSONValue]) -> [(result: JSONValue, steps: [JSONValue])] {
        let steps = before + (result["steps"]?.array ?? [])
        let branches = result["branches"]?.array ?? []
        return branches.isEmpty ? [(result, steps)] : branches.flatMap { ends(of: $0, after: steps) }
    }

    @Test func whatIsExpectedHoldsForEachPacket() {
        let around = Around(files: ["p": [packet(1, port: 22) + packet(2, port: 80)]])
        #expect(call("trace - --packets p --expect delivered", around).status == 1)
        let good = Around(files: ["p": [packet(1, port: 22)]])
        #expect(call("trace - --packets p --expect delivered", good).status == 0)
    }

    @Test func packetsFromStandardInputNeedAnotherSnapshot() {
        let call = call("trace missing --packets -", Around(files: ["-": [packet(1, port: 22)]]))
        #expect(call.status == 2)
        #expect(call.error == "missing: error: stat: no such file or directory\n")
    }

    @Test func aFileThatIsNotThere() {
        let call = call("trace - --packets nowhere", Around())
        #expect(call.status == 2)
        #expect(call.error == "nowhere: error: open: no such file or directory\n")
    }

    @Test func progressIsShown() {
        let many = (1...5).map { packet($0, port: 22) }
        let call = call("trace - --packets p", Around(files: ["p": many], errorIsTerminal: true, step: 0.6))
        #expect(call.error.contains("packets …"))
    }
}
