internal import NetTypes
internal import RuleModel
internal import SourceText

extension RuleWriter {
    /// Writes one target, ` -j` and its name first. The writers of the extensions lie beside their readers.
    mutating func write(_ target: Target) {
        switch target {
        case .accept: put(" -j ACCEPT")
        case .drop: put(" -j DROP")
        case .return: put(" -j RETURN")
        case .queue: put(" -j QUEUE")
        case .jump(let chain):
            put(" -j ")
            put(chain)
        case .goto(let chain):
            put(" -g ")
            put(chain)
        case .nfQueue(let target):
            module(.nfqueue)
            writeNFQueueTarget(target)
        case .reject(let target):
            module(.reject)
            writeRejectTarget(target)
        case .dnat(let target):
            module(.dnat)
            writeDNATTarget(target)
        case .snat(let target):
            module(.snat)
            writeSNATTarget(target)
        case .masquerade(let target):
            module(.masquerade)
            writeMasqueradeTarget(target)
        case .redirect(let target):
            module(.redirect)
            writeRedirectTarget(target)
        case .netmap(let target):
            module(.netmap)
            writeNetmapTarget(target)
        case .mark(let target):
            module(.mark)
            writeMarkTarget(target)
        case .connectionMark(let target):
            module(.connmark)
            writeConnectionMarkTarget(target)
        case .connectionSecurityMark(let target):
            module(.connsecmark)
            writeConnectionSecurityMarkTarget(target)
        case .ct(let target):
            module(.ct)
            writeCTTarget(target)
        case .notrack: module(.notrack)
        case .classify(let target):
            module(.classify)
            writeClassifyTarget(target)
        case .checksumFill:
            module(.checksum)
            writeChecksumFillTarget()
        case .dscp(let target):
            module(.dscp)
            writeDSCPTarget(target)
        case .tos(let target):
            module(.tos)
            writeTOSTarget(target)
        case .timeToLive(let target):
            module(target.version == .v4 ? .ttl : .hl)
            writeTimeToLiveTarget(target)
        case .ecn(let target):
            module(.ecn)
            writeECNTarget(target)
        case .tcpMSS(let target):
            module(.tcpmss)
            writeTCPMSSTarget(target)
        case .tcpOptionStrip(let target):
            module(.tcpoptstrip)
            writeTCPOptionStripTarget(target)
        case .hmark(let target):
            module(.hmark)
            writeHMarkTarget(target)
        case .prefixTranslation(let target):
            module(target.changesSource ? .snpt : .dnpt)
            writePrefixTranslationTarget(target)
        case .securityMark(let target):
            module(.secmark)
            writeSecurityMarkTarget(target)
        case .log(let target):
            module(.log)
            writeLogTarget(target)
        case .nfLog(let target):
            module(.nflog)
            writeNFLogTarget(target)
        case .ulog(let target):
            module(.ulog)
            writeULogTarget(target)
        case .audit(let target):
            module(.audit)
            writeAuditTarget(target)
        case .set(let target):
            module(.set)
            writeSetTarget(target)
        case .tee(let target):
            module(.tee)
            writeTEETarget(target)
        case .idleTimer(let target):
            module(.idletimer)
            writeIdleTimerTarget(target)
        case .led(let target):
            module(.led)
            writeLEDTarget(target)
        case .rateEstimate(let target):
            module(.rateest)
            writeRateEstimateTarget(target)
        case .trace: module(.trace)
        case .tproxy(let target):
            module(.tproxy)
            writeTPROXYTarget(target)
        case .synproxy(let target):
            module(.synproxy)
            writeSYNPROXYTarget(target)
        case .clusterIP(let target):
            module(.clusterip)
            writeClusterIPTarget(target)
        // In native tables only, which `Nftables` writes.
        case .native: break
        case .unknown(_, let text):
            guard text != .empty else { return }
            put(" ")
            put(text)
        }
    }

    private mutating func module(_ module: TargetModule) {
        put(" -j ")
        put(module.name)
    }
}
