internal import NetTypes
internal import RuleModel
internal import SourceText

extension XtablesData {
    /// The match of this name whose data this is; `nil` where name, revision or data are not known.
    func match(_ name: String, _ sets: SetNames, _ names: inout NameTable) -> Match? {
        switch (name, revision) {
        case ("addrtype", 0...1): addressType()
        case ("ah", 0): ah()
        case ("bpf", 0...1): bpf(&names)
        case ("cgroup", 0...2): cgroup(&names)
        case ("cluster", 0): cluster()
        case ("comment", 0): fits(256) ? .comment(symbol(0, 256, &names)) : nil
        case ("connbytes", 0): connectionBytes()
        case ("connlabel", 0): connectionLabel()
        case ("connlimit", 0...1): connectionLimit()
        case ("connmark", 1): markTest().map { .connectionMark($0) }
        case ("conntrack", 1...3): conntrack()
        case ("cpu", 0): cpu()
        case ("dccp", 0): dccp()
        case ("devgroup", 0): deviceGroup()
        case ("dscp", 0): dscp()
        case ("ecn", 0): ecn()
        case ("esp", 0): esp()
        case ("hashlimit", 1...3): hashLimit(&names)
        case ("helper", 0): helper(&names)
        case ("icmp", 0): icmp(.v4)
        case ("ipcomp", 0): ipComp()
        case ("iprange", 1): addressRange()
        case ("ipvs", 0): ipvs()
        case ("length", 0): lengths().map { .length($0) }
        case ("limit", 0): limit()
        case ("mac", 0): hardwareSource()
        case ("mark", 1): markTest().map { .mark($0) }
        case ("multiport", 0...1): multiport()
        case ("nfacct", 0...1): accounting(&names)
        case ("osf", 0): operatingSystem(&names)
        case ("owner", 1): owner()
        case ("physdev", 0): physicalDevice(&names)
        case ("pkttype", 0): packetType()
        case ("policy", 0): policy()
        case ("quota", 0): quota()
        case ("rateest", 0): rateEstimate(&names)
        case ("realm", 0): realm()
        case ("recent", 0...1): recent(&names)
        case ("rpfilter", 0): reversePath()
        case ("sctp", 0): sctp()
        case ("set", 1...4): set(sets)
        case ("socket", 0...3): socket()
        case ("state", 0): state()
        case ("statistic", 0): statistic()
        case ("string", 0...1): string(&names)
        case ("tcp", 0): tcp()
        case ("tcpmss", 0): lengths().map { .tcpMSS($0) }
        case ("time", 0): time()
        case ("tos", 1): tos()
        case ("ttl", 0): timeToLive(.v4)
        case ("u32", 0): u32()
        case ("udp", 0): udp().map { .udp($0) }
        case ("udplite", 0): udp().map { .udplite($0) }
        default: version == .v6 ? matchV6(name) : nil
        }
    }

    /// Matches that IPv6 alone has.
    private func matchV6(_ name: String) -> Match? {
        switch (name, revision) {
        case ("dst", 0): ipv6Options().map { .destinationOptions($0) }
        // `int`, which says nothing.
        case ("eui64", 0): fits(4) ? .eui64 : nil
        case ("frag", 0): fragmentHeader()
        case ("hbh", 0): ipv6Options().map { .hopByHop($0) }
        case ("hl", 0): timeToLive(.v6)
        case ("icmp6", 0): icmp(.v6)
        case ("ipv6header", 0): ipv6Header()
        case ("mh", 0): mobilityHeader()
        case ("rt", 0): routingHeader()
        case ("srh", 0...1): segmentRouting()
        default: nil
        }
    }

    /// The target of this name whose data this is; `nil` where name, revision or data are not known.
    func target(_ name: String, _ sets: SetNames, _ names: inout NameTable) -> Target? {
        switch (name, revision) {
        case ("AUDIT", 0): audit()
        case ("CHECKSUM", 0): checksum()
        case ("CLASSIFY", 0): classify()
        case ("CLUSTERIP", 0) where version == .v4: clusterIP()
        case ("CONNMARK", 1...2): setConnectionMark()
        case ("CONNSECMARK", 0): connectionSecurityMark()
        case ("CT", 0...2): connectionTracking(&names)
        case ("DNAT", 0...2): translation().map { .dnat($0) }
        case ("DNPT", 0) where version == .v6: prefixTranslation(changesSource: false)
        case ("DSCP", 0): setDSCP()
        case ("ECN", 0) where version == .v4: setECN()
        case ("HL", 0): setTimeToLive(.v6)
        case ("HMARK", 0): hashMark()
        case ("IDLETIMER", 0...1): idleTimer(&names)
        case ("LED", 0): led(&names)
        case ("LOG", 0): log(&names)
        case ("MARK", 2): setMark()
        case ("MASQUERADE", 0): translation().map { .masquerade($0) }
        case ("NETMAP", 0): networkMap()
        case ("NFLOG", 0): netlinkLog(&names)
        case ("NFQUEUE", 0...3): queue()
        case ("NOTRACK", 0): .notrack
        case ("RATEEST", 0): rateEstimator(&names)
        case ("REDIRECT", 0): translation().map { .redirect($0) }
        case ("REJECT", 0): reject()
        case ("SECMARK", 0...1): securityMark(&names)
        case ("SET", 1...3): changeSets(sets)
        case ("SNAT", 0...2): translation().map { .snat($0) }
        case ("SNPT", 0) where version == .v6: prefixTranslation(changesSource: true)
        case ("SYNPROXY", 0): synproxy()
        case ("TCPMSS", 0): setSegmentSize()
        case ("TCPOPTSTRIP", 0): stripOptions()
        case ("TEE", 0...1): tee(&names)
        case ("TOS", 1): setTOS()
        case ("TPROXY", 0...1): transparentProxy()
        case ("TRACE", 0): .trace
        case ("TTL", 0): setTimeToLive(.v4)
        default: nil
        }
    }
}
