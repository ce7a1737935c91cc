import CommandLineTool
import SourceText
import Testing

@Suite struct TraceCommandTests {
    private let base = "trace - --in eth0 --from 198.51.100.7"

    private func json(_ line: String, _ around: Around = Around()) throws -> JSONValue {
        let call = call(line + " --json", around)
        return try readJSON(Array(call.output.utf8).span)
    }

    @Test func anAnswerIsOnStandardOutputAndNothingElse() {
        let call = call("\(base) --to 192.0.2.1:22/tcp")
        #expect(call.status == 0)
        #expect(call.error == "")
        #expect(
            call.output.hasPrefix(
                "DELIVERED: tcp 198.51.100.7:40000 -> 192.0.2.1:22 from eth0 is delivered to this host.\n"))
    }

    /// Every option of the packet arrives in it.
    @Test(
        "an option changes the packet",
        arguments: [
            ("--to 192.0.2.1:80/udp", "protocol", "\"udp\""), ("--to 192.0.2.1 --proto 47", "protocol", "\"gre\""),
            ("--to 192.0.2.1:22/tcp --sport 53", "sourcePort", "53"),
            ("--to 192.0.2.1/tcp --dport 81", "destinationPort", "81"),
            ("--to 192.0.2.1:80 --tcp-flags fin,ack", "tcpFlags", "\"fin,ack\""),
            ("--to 192.0.2.1 --icmp-type 13", "icmpType", "13"),
            ("--to 192.0.2.1 --icmp-type 3 --icmp-code 1", "icmpCode", "1"),
            ("--to 192.0.2.1:80 --mark 0x10", "mark", "16"),
            ("--to 192.0.2.1:80 --ttl 7", "ttl", "7"), ("--to 192.0.2.1:80 --dscp EF", "dscp", "46"),
            ("--to 192.0.2.1:80 --length 99", "length", "99"),
            ("--to 192.0.2.1:80 --state established --ct-mark 5", "ctMark", "5"),
        ])
    func options(_ options: String, _ key: String, _ value: String) throws {
        let result = try json("\(base) \(options)")
        let member = try #require(lastPacket(result)?[key])
        let text = member.string.map { "\"\($0)\"" } ?? member.number?.text
        #expect(text == value)
    }

    /// The packet at the end of the first way.
    private func lastPacket(_ result: JSONValue) -> JSONValue? {
        result["out"] ?? result["branches"]?.array?.first.flatMap { lastPacket($0) }
    }

    @Test func optionsOfTheSenderCount() {
        let input = hostSnapshot.replacing(
            "-A INPUT -i eth0 -j DROP\n",
            with:
                "-A INPUT -m mac --mac-source 02:00:00:00:00:09 -j ACCEPT\n-A OUTPUT -m owner --uid-owner 1000 -j DROP\n-A INPUT -i eth0 -j DROP\n"
        )
        let around = Around(input: input)
        #expect(call("\(base) --to 192.0.2.1:80 --mac 02:00:00:00:00:09", around).output.hasPrefix("DELIVERED"))
        #expect(call("\(base) --to 192.0.2.1:80 --mac 02:00:00:00:00:08", around).output.hasPrefix("DROPPED"))
        #expect(call("\(base) --to 192.0.2.1:80", around).output.hasPrefix("UNDECIDED"))
        #expect(call("trace - --from host --to 198.51.100.9:80 --uid 1000", around).output.hasPrefix("DROPPED"))
        #expect(call("trace - --from host --to 198.51.100.9:80 --uid 1", around).output.hasPrefix("SENT"))
    }

    @Test func theStateCanBeSaid() {
        #expect(call("\(base) --to 192.0.2.1:80 --state established").output.hasPrefix("DELIVERED"))
        #expect(call("\(base) --to 192.0.2.1:80 --state new").output.hasPrefix("DROPPED"))
    }

    @Test func withoutAnInterfaceTheOneOfTheRouteIsTakenAndTold() {
        let call = call("trace - --from 198.51.100.7 --to 192.0.2.1:80")
        #expect(call.output.hasPrefix("DROPPED: tcp 198.51.100.7:40000 -> 192.0.2.1:80 from eth0"))
        #expect(call.output.contains("comes in by eth0, as the route back to its source says"))
    }

    @Test func hostAndInternetAreTold() {
        let call = call("trace - --from internet --to host:22/tcp")
        #expect(call.status == 0)
        #expect(call.output.contains("- internet: "))
        #expect(call.output.contains("- host: 192.0.2.1, the address of eth0\n"))
    }

    @Test func whatIsSettledByTheUserIsToldAsSuch() throws {
        let open = call("\(base) --to 192.0.2.1")
        #expect(open.output.hasPrefix("UNDECIDED"))
        for name in ["limit", "limit@filter/INPUT:3"] {
            let over = call("\(base) --to 192.0.2.1 --assume \(name)=over")
            #expect(over.output.hasPrefix("DROPPED"))
            #expect(over.output.contains("(--assume limit@filter/INPUT:3=over)"))
            #expect(over.error == "")
        }
        #expect(call("\(base) --to 192.0.2.1 --assume limit=under").output.hasPrefix("DELIVERED"))
        let wrong = call("\(base) --to 192.0.2.1 --assume limit=often")
        #expect(wrong.status == 2)
        #expect(wrong.output == "")
        #expect(wrong.error.contains("'limit' can't be 'often'; it is "))
        let unused = call("\(base) --to 192.0.2.1:22/tcp --assume limt=over")
        #expect(unused.status == 0)
        #expect(unused.error == "hookline: note: nothing on this packet's way asks for the assumption 'limt'\n")
    }

    @Test func aDefaultIsAnAssumptionThatCanBeChanged() throws {
        let input = hostSnapshot.replacing("-A INPUT -i eth0 -j DROP\n", with: "-A INPUT -m ttl --ttl-lt 5 -j DROP\n")
        let plain = try json("\(base) --to 192.0.2.1:80", Around(input: input))
        #expect(plain["outcome"]?.string == "delivered")
        let told = plain["assumptions"]?.array?.first { $0["name"]?.string == "ttl" }
        #expect(told?["value"]?.string == "64")
        let changed = try json("\(base) --to 192.0.2.1:80 --assume ttl=4", Around(input: input))
        #expect(changed["outcome"]?.string == "dropped")
    }

    @Test(
        "what is expected sets the status",
        arguments: [
            ("192.0.2.1:22/tcp", "accept", 0), ("192.0.2.1:22/tcp", "delivered", 0), ("192.0.2.1:22/tcp", "drop", 1),
            ("192.0.2.1:80/tcp", "drop", 0), ("192.0.2.1:80/tcp", "dropped", 0), ("192.0.2.1:80/tcp", "accept", 1),
            ("192.0.2.1:80/tcp", "rejected", 1), ("192.0.2.1", "accept", 1), ("192.0.2.1", "drop", 1),
        ] as [(String, String, Int32)])
    func expectations(_ to: String, _ word: String, _ status: Int32) {
        let call = call("\(base) --to \(to) --expect \(word)")
        #expect(call.status == status)
        #expect(!call.output.isEmpty)
    }

    @Test func detailIsMoreOrLess() {
        let line = "\(base) --to 192.0.2.1:80"
        let summary = call("\(line) --detail summary").output
        let path = call(line).output
        let full = call("\(line) --detail full").output
        #expect(!summary.contains("Path\n"))
        #expect(path.contains("Path\n"))
        #expect(path == call("\(line) --detail path").output)
        #expect(!path.contains("no: "))
        #expect(full.contains("no: -m conntrack --ctstate RELATED,ESTABLISHED: its state is NEW"))
    }

    @Test func aRoundTripHasTheReply() throws {
        let result = try json("\(base) --to 192.0.2.1:22/tcp --round-trip")
        #expect(result["reply"]?["outcome"]?.string == "sent")
        #expect(call("\(base) --to 192.0.2.1:22/tcp --round-trip").output.contains("\nThe reply\n"))
        #expect(try json("\(base) --to 192.0.2.1:22/tcp")["reply"] == nil)
    }

    @Test func aLogLineIsAPacket() {
        let line =
            "Oct 10 06:25:17 web kernel: [UFW BLOCK] IN=eth0 OUT= MAC=02:00:00:00:00:01:02:00:00:00:00:fe:08:00 SRC=198.51.100.7 DST=192.0.2.1 LEN=60 TOS=0x00 PREC=0x00 TTL=52 ID=1 DF PROTO=TCP SPT=4242 DPT=23 WINDOW=1 RES=0x00 SYN URGP=0"
        let logged = call(["trace", "-", "--packet", line])
        #expect(logged.output.hasPrefix("DROPPED: tcp 198.51.100.7:4242 -> 192.0.2.1:23 from eth0"))
        let changed = call(["trace", "-", "--packet", line, "--dport", "22"])
        #expect(changed.output.hasPrefix("DELIVERED: tcp 198.51.100.7:4242 -> 192.0.2.1:22"))
    }

    @Test func aConntrackLineBringsItsEntry() throws {
        let line =
            "tcp 6 431999 ESTABLISHED src=198.51.100.7 dst=192.0.2.1 sport=4242 dport=80 src=10.1.0.9 dst=198.51.100.7 sport=8080 dport=4242 [ASSURED] mark=0 use=1"
        let call = call(["trace", "-", "--in", "eth0", "--packet", line, "--json"])
        let result = try readJSON(Array(call.output.utf8).span)
        let nat = result["steps"]?.array?.first { $0["kind"]?.string == "nat" }
        #expect(nat?["destination"]?.string == "10.1.0.9")
        #expect(nat?["entry"] != nil)
    }

    @Test func namesInTheCallCannotDriveATerminal() {
        let call = call(["trace", "-", "--from", "1\u{1b}[2J", "--to", "10.0.0.1"])
        #expect(!call.error.contains("\u{1b}"))
        #expect(call.error.contains("\\x1b[2J"))
    }
}
