import CommandLineTool
import SourceText
import Testing

@Suite struct ReplayTests {
    // MARK: Captures

    private static let client: [UInt8] = [198, 51, 100, 7]
    private static let host: [UInt8] = [192, 0, 2, 1]

    /// A frame to eth0 of `hostSnapshot`, from a neighbour.
    static func arriving(_ packet: [UInt8]) -> [UInt8] { ethernet(0x0800, packet) }
    /// One that eth0 sends.
    static func leaving(_ packet: [UInt8]) -> [UInt8] {
        ethernet(0x0800, packet, to: [2, 0, 0, 0, 0, 0x99], from: [2, 0, 0, 0, 0, 1])
    }

    private func replay(
        _ options: String, _ capture: [UInt8], snapshot: String = hostSnapshot,
        _ change: (inout Around) -> Void = { _ in }
    ) -> Call {
        var around = Around(captures: ["cap": capture])
        around.input = snapshot
        change(&around)
        let line = "replay - cap \(options)"
        let alone = call(line, around)
        around.threads = 3
        let shared = call(line, around)
        #expect(shared.output == alone.output && shared.status == alone.status)
        return alone
    }

    private func objects(_ call: Call) throws -> [JSONValue] {
        try call.output.split(separator: "\n").map { try readJSON(Array($0.utf8).span) }
    }

    private func pcap(_ frames: [[UInt8]], link: UInt32 = 1) -> [UInt8] {
        pcapHeader(link: link) + frames.flatMap { pcapRecord($0) }
    }

    // MARK: The same answers as trace

    /// Packets of many kinds, all of them come in by eth0.
    static let packets: [[UInt8]] = [
        ipv4(6, tcp()), ipv4(6, tcp(40001, 80)), ipv4(6, tcp(40002, 22, flags: 0x10)), ipv4(6, tcp(flags: 0x12)),
        ipv4(6, tcp(flags: 0x29)), ipv4(6, tcp(40003, 22, payload: [1, 2, 3])), ipv4(17, udp(5353, 53, [1, 2])),
        ipv4(1, [8, 0, 0xf7, 0xfe, 0, 1, 0, 0]), ipv4(1, [3, 3, 0xfc, 0xfc, 0, 0, 0, 0]), ipv4(47, [0, 0, 8, 0]),
        ipv4(50, [0, 0, 1, 0, 0, 0, 0, 1]), ipv4(132, big16(1) + big16(2) + big32(0) + big32(9)),
        ipv4(17, [1, 2, 3, 4, 5, 6, 7, 8], flags: 0x2001), ipv4(6, tcp(to: [10, 1, 0, 9]), to: [10, 1, 0, 9]),
        ipv4(6, tcp(to: [10, 1, 0, 9]), to: [10, 1, 0, 9], ttl: 1), ipv4(17, udp(1, 2, []), from: [192, 0, 2, 1]),
        ipv4(6, tcp(), options: [0x94, 4, 0, 0]), ipv4(6, tcp(checksum: 0x1234)),
    ]

    /// A connection table that lacks the packet's connection tells so, as a missing one does.
    @Test(arguments: [
        "",
        "tcp 6 100 ESTABLISHED src=10.1.0.5 dst=10.1.0.6 sport=1 dport=2 src=10.1.0.6 dst=10.1.0.5 sport=2 dport=1\n",
    ])
    func packetsOfConnectionsThatAreNotKnownAreCountedFirst(_ table: String) {
        let answers = [Self.arriving(ipv4(6, tcp(40002, 22, flags: 0x12))), Self.arriving(ipv4(6, tcp(40003, 22)))]
        let text = replay("", pcap(answers), snapshot: hostSnapshot + "\n" + table).output
        #expect(text.contains("IN THE MIDDLE OF CONNECTIONS: 1 packet of TCP (first frame 1)"), "\(text)")
        let known =
            "tcp 6 100 ESTABLISHED src=192.0.2.1 dst=198.51.100.7 sport=22 dport=40002 src=198.51.100.7 dst=192.0.2.1 "
            + "sport=40002 dport=22\n"
        let other = replay("", pcap(answers), snapshot: hostSnapshot + "\n" + known).output
        #expect(!other.contains("IN THE MIDDLE OF CONNECTIONS"), "\(other)")
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// An object without what replay adds.
    private func common(_ object: JSONValue) -> [String] {
        (object.object ?? []).filter { !["frame", "time", "seenOn", "madeHere", "notes"].contains($0.key) }
            .map { "\($0.key)=\($0.value)" }.map(withoutPlaces)
    }

    private func withoutPlaces(_ text: String) -> String {
        text.replacing(#/(start|end|keyStart|keyEnd): \d+/#, with: "")
    }

    @Test(arguments: ["", "--flows"]) func theAnswersAreThoseOfTrace(_ flows: String) throws {
        let lines = Self.packets.map {
            "{\"in\":\"eth0\",\"mac\":\"02:00:00:00:00:99\",\"bytes\":\"\(hexadecimal($0))\"}\n"
        }
        let around = Around(files: ["p": [lines.joined()]])
        let traced = call("trace - --packets p \(flows)", around)
        #expect(traced.status == 0, "\(traced.error)")
        let replayed = replay("--json \(flows)", pcap(Self.packets.map { Self.arriving($0) }))
        #expect(replayed.status == 0, "\(replayed.error)")
        let (theirs, own) = (try objects(traced), try objects(replayed))
        #expect(own.count == Self.packets.count)
        #expect(theirs.count == Self.packets.count)
        for (index, (their, own)) in zip(theirs, own).enumerated() {
            #expect(common(their) == common(own), "packet \(index)")
            #expect(own["frame"]?.number?.unsigned == UInt64(index + 1))
            #expect(own["time"]?.number?.text == "1764158697.000123")
        }
    }

    // MARK: What is told

    @Test func theSummaryTellsWhatDecided() {
        let frames = [
            Self.arriving(ipv4(6, tcp())), Self.arriving(ipv4(6, tcp(40001, 80))), ethernet(0x0806, [0, 1]),
            Self.arriving(ipv4(6, tcp(40002, 80))),
            Self.leaving(ipv4(17, udp(9, 53, []), from: Self.host, to: Self.client)),
        ]
        let call = replay("", pcap(frames))
        #expect(call.status == 0)
        #expect(call.error == "")
        #expect(
            call.output == """
                cap: 4 packets in 5 frames, 2025-11-26 12:04:57.000123 to 12:04:57.000123 UTC, each by itself: 2 DROPPED, 1 DELIVERED, 1 SENT.

                Did not get through
                  2  DROPPED by rule 4 of filter/INPUT
                      -:9: -A INPUT -i eth0 -j DROP
                      first: frame 2 at 12:04:57.000123, tcp 198.51.100.7:40001 -> 192.0.2.1:80

                Got through
                  1  DELIVERED accepted by rule 2 of filter/INPUT
                      -:7: -A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
                      first: frame 1 at 12:04:57.000123, tcp 198.51.100.7:40000 -> 192.0.2.1:22
                  1  SENT (no rule or policy of a filter decided)
                      first: frame 5 at 12:04:57.000123, udp 192.0.2.1:9 -> 198.51.100.7:53

                Not followed
                  1  no IP packet: ARP; first: frame 3

                This rests on
                  - 3 packets taken as come in, by hardware addresses of this host's interfaces
                  - 1 packet taken as made here, by hardware addresses of this host's interfaces
                  - no entry of the connection table exists for this packet (connection; 4 packets, first frame 1)
                  - where packets leave is not known, or known from the main table only: add the output of `ip -6 route show table all`
                  - the three rules that every kernel has are assumed: add the output of `ip -6 rule`
                  - every packet is taken for the first one of its connection: add the output of `conntrack -L`
                  - whether something listens on a port is not known: add the output of `ss -lntup`

                """)
    }

    @Test func linesForEachPacketOrForThoseThatDoNotGetThrough() {
        let frames = [Self.arriving(ipv4(6, tcp())), Self.arriving(ipv4(6, tcp(40001, 80))), ethernet(0x0806, [0, 1])]
        let all = replay("--list", pcap(frames)).output.split(separator: "\n").prefix(3)
        #expect(
            all == [
                "     1 12:04:57.000123 DELIVERED tcp 198.51.100.7:40000 -> 192.0.2.1:22 from eth0 to this host, accepted by rule 2 of filter/INPUT (-:7)",
                "     2 12:04:57.000123 DROPPED tcp 198.51.100.7:40001 -> 192.0.2.1:80 from eth0 by rule 4 of filter/INPUT (-:9)",
                "     3 12:04:57.000123 not followed: no IP packet: ARP",
            ])
        #expect(replay("--dropped", pcap(frames)).output.hasPrefix("     2 12:04:57.000123 DROPPED"))
        #expect(replay("--dropped --json", pcap(frames)).output.split(separator: "\n").count == 2)
    }

    @Test func aNameOutOfTheCaptureDrivesNoTerminal() {
        let capture =
            sectionHeader() + interfaceBlock("eth\u{1b}[2J") + packetBlock(Self.arriving(ipv4(6, tcp(40000, 80))))
        let call = replay("--list", capture)
        #expect(!call.output.contains("\u{1b}"))
        #expect(call.output.contains("\\x1b[2J"))
    }

    // MARK: Frames that can't be read

    @Test func noFrameIsLost() throws {
        let frames = [
            Self.arriving(ipv4(6, tcp())), ethernet(0x0806, [0, 1]), [1, 2, 3],
            ethernet(0x0800, Array(ipv4(6, tcp()).dropLast(5))), Self.arriving(ipv4(6, tcp())),
        ]
        let call = replay("--json", pcap(frames))
        #expect(call.status == 0)
        let results = try objects(call)
        #expect(results.map { $0["frame"]?.number?.unsigned } == [1, 2, 3, 4, 5])
        #expect(
            results.compactMap { $0["error"]?.string } == [
                "cap: frame 2: no IP packet: ARP", "cap: frame 3: it ends within its link header",
                "cap: frame 4: it is shorter than its IP header says: the kernel drops it before any rule",
            ])
        #expect(replay("--strict", pcap(frames)).status == 2)
        #expect(replay("--strict", pcap([frames[0], frames[1]])).status == 0)
    }

    @Test func aCaptureThatBreaksOffIsAnsweredAsFarAsItGoes() {
        let capture = pcap([Self.arriving(ipv4(6, tcp()))]) + [1, 2, 3]
        let call = replay("", capture)
        #expect(call.status == 2)
        #expect(call.error == "cap: error: at byte 94: the capture ends within the header of frame 2\n")
        #expect(call.output.hasPrefix("cap: 1 packet in 1 frame"))
    }

    @Test func whatIsNoCaptureGivesNoAnswer() {
        let answer = replay("", Array("*filter\n".utf8))
        #expect(answer.status == 2)
        #expect(answer.error == "cap: error: at byte 0: neither pcap nor pcapng: it begins with 0x2a66696c\n")
        #expect(answer.output == "")
        let none = call("replay - nowhere")
        #expect(none.error == "nowhere: error: open: no such file or directory\n")
        #expect(call("replay cap").error.hasPrefix("hookline: error: a snapshot and a capture"))
        #expect(call("replay - -").error.contains("both the snapshot and the capture"))
    }

    @Test func aFilterThatCannotBeReadGivesNoAnswer() {
        let frames = pcap([Self.arriving(ipv4(6, tcp())), Self.arriving(ipv4(17, udp(1, 53, [])))])
        #expect(replay("--filter udp --json", frames).output.split(separator: "\n").count == 1)
        let bad = replay("--filter ((", frames)
        #expect(bad.status == 2)
        #expect(bad.output == "")
        #expect(bad.error.hasPrefix("hookline: error: --filter: "))
    }

    @Test func expectations() {
        let frames = pcap([Self.arriving(ipv4(6, tcp())), Self.arriving(ipv4(6, tcp(40001, 80)))])
        #expect(replay("--expect delivered", frames).status == 1)
        #expect(replay("--expect delivered --filter port=22", pcap([Self.arriving(ipv4(6, tcp()))])).status == 2)
        #expect(replay("--expect delivered", pcap([Self.arriving(ipv4(6, tcp()))])).status == 0)
    }

    /// A capture that goes on is answered as it comes.
    @Test func theFirstAnswerIsThereBeforeTheNextFrameIs() {
        let frame = Self.arriving(ipv4(6, tcp()))
        let many = pcapHeader() + (0..<300).flatMap { _ in pcapRecord(frame) }
        #expect(many.count > 4 * 4099)
        #expect(replay("--list", many).writes > 1)
        #expect(replay("--list", pcap([frame])).writes == 2)
    }

    @Test func progressIsShown() {
        let many = pcap((0..<20).map { Self.arriving(ipv4(6, tcp(UInt16(40000 + $0), 22))) })
        let call = replay("", many) { around in
            around.errorIsTerminal = true
            around.step = 0.3
        }
        #expect(call.error.contains("packets …"))
    }
}
