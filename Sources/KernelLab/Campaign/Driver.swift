internal import Glibc
internal import HostText
internal import KernelLink
internal import NetTypes
internal import PacketPath
internal import PathModel
internal import RuleModel

/// Sends packets into a bench, alone or as conversations, and has each judged.
struct Driver: ~Copyable {
    var bench: Bench
    var judge: Judge
    /// Everything since the rules were loaded: what it takes to see the last one again.
    private(set) var history: [LabPacket] = []
    /// What a conversation met before its rules were changed.
    private(set) var before: Stage?
    private var isFresh = true
    /// A packet of the flow was not compared: what it left behind is not known.
    private var isAstray = false
    /// More packets passed than the kernel could tell of: mostly one that goes over lo for good, and only other rules
    /// stop it.
    private(set) var isFlooded = false

    init(_ bench: consuming Bench) {
        judge = Judge(bench.model)
        judge.standIns = bench.scratch.standIns
        self.bench = bench
    }

    /// Loads other rules; connections stay where they are not forgotten.
    mutating func load(
        _ rules: [SnapshotText], _ backend: Backend, isExchange: Bool = false
    ) throws(LabFailure) {
        try bench.load(rules, backend, isExchange: isExchange)
        judge.replace(bench.model)
        history = []
        before = nil
        isFlooded = false
    }

    /// Loads other rules under the connections of those that are there.
    mutating func change(_ rules: [SnapshotText]) throws(LabFailure) {
        let start = history.lastIndex { $0.isFresh } ?? 0
        let stage = Stage(rules: bench.rules, packets: Array(history[start...]))
        try load(rules, bench.backend, isExchange: true)
        before = stage
    }

    mutating func forget() throws(LabFailure) {
        try bench.scratch.forget(judge.connections.entries)
        judge.forget()
        isFresh = true
    }

    /// Sends one packet, with a tag of its own or `tag`.
    mutating func send(_ packet: RandomPacket, tag: UInt16? = nil) throws(LabFailure) -> Verdict {
        let tag = tag ?? bench.scratch.laboratory.nextTag()
        var labelled = packet.packet
        labelled.bytes = packet.packet.encoded().tagged(tag)
        if case .wire = packet.arrival, labelled.sourceMAC == nil { labelled.sourceMAC = Laboratory.sender }
        var lab = LabPacket(packet: labelled, arrival: packet.arrival, destinationMAC: packet.destinationMAC)
        if case .wire(let name) = packet.arrival, lab.destinationMAC == nil, let header = IPHeader(labelled.bytes) {
            lab.destinationMAC = bench.scratch.laboratory.frameDestination(of: header, on: name)
        }
        return try send(lab, tag: tag)
    }

    /// Sends a packet as it is.
    mutating func send(_ packet: LabPacket, tag: UInt16) throws(LabFailure) -> Verdict {
        history.append(packet)
        history[history.count - 1].isFresh = isFresh
        isAstray = isAstray && !isFresh
        isFresh = false
        var packet = packet
        if packet.arrival == .host {
            // The socket of who is nobody in particular is this program's.
            packet.packet.userID = packet.packet.userID ?? geteuid()
            packet.packet.groupID = packet.packet.groupID ?? getegid()
        } else if let mac = packet.destinationMAC {
            // Whom a frame is for is known. Source: net/ethernet/eth.c `eth_type_trans`.
            packet.packet.defaulted.remove(.packetType)
            if mac.bits == 0xffff_ffff_ffff {
                packet.packet.packetType = .broadcast
            } else if mac.bits >> 40 & 1 == 1 {
                packet.packet.packetType = .multicast
            } else if packet.packet.packetType != .otherHost {
                packet.packet.packetType = .unicast
            }
        }
        var dispatch: Dispatch
        switch packet.arrival {
        case .host:
            var sender = LocalSender()
            sender.mark = packet.packet.mark
            sender.userID = packet.packet.userID
            sender.groupID = packet.packet.groupID
            dispatch = Dispatch(packet.packet.bytes, .host(sender))
        case .wire(let name):
            dispatch = Dispatch(packet.packet.bytes, .interface(name))
            if packet.packet.mark != 0 { dispatch.mark = packet.packet.mark }
            dispatch.sourceMAC = packet.packet.sourceMAC
            dispatch.destinationMAC = packet.destinationMAC
        }
        dispatch.tag = tag
        let seen = try bench.scratch.laboratory.observe(dispatch)
        if seen.outcome == .lost { isFlooded = true }
        var verdict = judge.judge(packet, seen)
        if verdict.disagrees, try bench.scratch.laboratory.isStillAtIt() {
            verdict.finding = .skipped("the kernel was still at it when its trace was read")
            isFlooded = true
            isAstray = true
            return verdict
        }
        if isAstray { verdict.finding = .skipped("a packet before it in its flow was not compared") }
        if case .skipped = verdict.finding { isAstray = true }
        for entry in judge.connections.entries where entry.hasDrawnPort {
            guard let kernel = try bench.scratch.laboratory.netfilter.connection(like: entry) else { continue }
            guard !judge.takePort(of: entry, from: kernel) else { continue }
            verdict.finding = .disagrees(["NAT drew: kernel \(kernel.entry.reply), hookline \(entry.reply)"])
        }
        // Of several orders of chains that agree with what was seen each may have marked it otherwise.
        if isAnsweredUnfollowed(verdict) || seen.isAnsweredUnasked || isOfSomeOrder(verdict) {
            for entry in judge.connections.entries {
                guard let kernel = try bench.scratch.laboratory.netfilter.connection(like: entry) else { continue }
                judge.takeMarks(of: entry, from: kernel)
            }
        }
        return verdict
    }

    private func isOfSomeOrder(_ verdict: Verdict) -> Bool {
        verdict.way?.assumptions.contains { $0.name.hasPrefix("order@") } == true
    }

    /// Whether the kernel has sent something of its own accord that is not followed here, or not one way alone: rules that
    /// this met may have changed the packet's connection.
    private func isAnsweredUnfollowed(_ verdict: Verdict) -> Bool {
        switch verdict.seen.outcome {
        // What nobody listens for the host answers by itself.
        case .delivered: verdict.seen.hasOthers
        // What REJECT's answer meets is told, but for what nobody can know.
        case .rejected: verdict.way?.end.answer.contains { !$0.branches.isEmpty } == true
        // Errors and redirects.
        case .forwarded, .sent, .dropped, .queued, .gone, .unroutable, .unseen, .lost: !verdict.seen.answers.isEmpty
        }
    }

    /// Follows a script to its end, or until a packet went another way than was said, or nowhere, or was not compared.
    mutating func converse(_ script: [RandomStep]) throws(LabFailure) -> [Verdict] {
        try forget()
        var verdicts: [Verdict] = []
        var first: RandomPacket?
        var tag: UInt16?
        for step in script {
            let next: RandomPacket?
            switch step {
            case .first(let packet):
                first = packet
                tag = bench.scratch.laboratory.nextTag()
                verdicts.append(try send(packet, tag: tag))
                if verdicts.last?.agrees == false { return verdicts }
                continue
            case .next(let packet):
                verdicts.append(try send(packet, tag: tag))
                if verdicts.last?.agrees == false { return verdicts }
                continue
            case .clash(let packet): next = packet
            case .sameAgain(let change):
                next = first.flatMap { first in
                    change.again(first.packet).map { first.with($0) }
                }
            case .replyToLast(let change):
                next = last(verdicts).flatMap { last in change.reply(to: last.packet).map { last.answered(by: $0) } }
            case .errorAboutLast(let error):
                next = last(verdicts).flatMap { last in
                    error.packet(about: last.packet, from: last.packet.destination).map { last.answered(by: $0) }
                }
            case .rulesChanged(let rules):
                try change(rules.files)
                continue
            }
            guard let next else { break }
            verdicts.append(try send(next))
            if verdicts.last?.agrees == false { break }
        }
        return verdicts
    }

    /// What left last, and where an answer to it would come from.
    private struct Left {
        var packet: Packet
        var answers: PacketArrival

        func answered(by packet: Packet) -> RandomPacket {
            var packet = packet
            packet.hasSocket = answers == .host
            return RandomPacket(packet: packet, arrival: answers, destinationMAC: nil)
        }
    }

    private func last(_ verdicts: [Verdict]) -> Left? {
        guard let seen = verdicts.last?.seen, let packet = Packet(decoding: seen.packet.span) else { return nil }
        switch seen.outcome {
        case .delivered: return Left(packet: packet, answers: .host)
        case .forwarded(isSeen: true), .sent(isSeen: true):
            return Left(packet: packet, answers: .wire(seen.port.isEmpty ? seen.interface : seen.port))
        default: return nil
        }
    }
}

extension RandomPacket {
    /// Another packet of the same sender.
    fileprivate func with(_ other: Packet) -> RandomPacket {
        var result = self
        result.packet = other
        (result.packet.mark, result.packet.sourceMAC, result.packet.packetType) =
            (packet.mark, packet.sourceMAC, packet.packetType)
        (result.packet.userID, result.packet.groupID, result.packet.hasSocket) =
            (packet.userID, packet.groupID, packet.hasSocket)
        return result
    }
}

extension Packet {
    /// The datagram that two fragments make together; `nil` where they are no two halves.
    init?(joining one: Packet, _ two: Packet) {
        let (first, last) = one.fragmentOffset == 0 ? (one, two) : (two, one)
        guard first.version == last.version else { return nil }
        let fixed = first.version == .v4 ? 20 : 40
        let headers = first.version == .v4 ? fixed : fixed + 8
        let written = first.currentBytes ?? first.bytes
        guard written.count > headers, last.bytes.count > headers else { return nil }
        var bytes = Array(written.prefix(fixed))
        if first.version == .v6 { bytes[6] = written[40] }
        bytes += written[headers...] + last.bytes[headers...]
        let length = bytes.count - (first.version == .v4 ? 0 : 40)
        let place = first.version == .v4 ? 2 : 4
        (bytes[place], bytes[place + 1]) = (UInt8(length >> 8), UInt8(length & 0xff))
        if first.version == .v4 { (bytes[6], bytes[7]) = (bytes[6] & 0xc0, 0) }
        guard var whole = Packet(decoding: bytes.span) else { return nil }
        (whole.mark, whole.sourceMAC, whole.packetType) = (first.mark, first.sourceMAC, first.packetType)
        (whole.userID, whole.groupID, whole.hasSocket) = (first.userID, first.groupID, first.hasSocket)
        self = whole
    }
}
