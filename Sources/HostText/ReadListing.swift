import RuleModel
import SourceText

/// Reads one listing of a file into `reading`. A listing of a kind that is read elsewhere, or not at all, is left.
///
/// `text` is the whole file that the listing was recognised in.
public func readListing(_ text: Span<UInt8>, _ listing: Listing, into reading: inout HostReading) {
    switch listing.kind {
    case .addresses, .addressLines: readAddresses(text, listing, into: &reading)
    case .tunnels: readTunnels(text, listing, into: &reading)
    case .addressesBrief, .linksBrief: readBrief(text, listing, into: &reading)
    case .addressesJSON: readAddressesJSON(text, listing, into: &reading)
    case .ifconfig: readIfconfig(text, listing, into: &reading)
    case .routes: readRoutes(text, listing, into: &reading)
    case .routesJSON: readRoutesJSON(text, listing, into: &reading)
    case .routeTable: readRouteTable(text, listing, isV6: false, into: &reading)
    case .routeTableV6: readRouteTable(text, listing, isV6: true, into: &reading)
    case .nextHops: readNextHops(text, listing, into: &reading)
    case .tableNames: readTableNames(text, listing, into: &reading)
    case .policyRules: readPolicyRules(text, listing, into: &reading)
    case .policyRulesJSON: readPolicyRulesJSON(text, listing, into: &reading)
    case .neighbours: readNeighbours(text, listing, into: &reading)
    case .neighboursJSON: readNeighboursJSON(text, listing, into: &reading)
    case .addressLabels: readAddressLabels(text, listing, into: &reading)
    case .bridgeForwarding: readForwardingEntries(text, listing, into: &reading)
    case .setSave: readSetSave(text, listing, into: &reading)
    case .setList: readSetList(text, listing, into: &reading)
    case .sysctl: readSysctl(text, listing, into: &reading)
    case .connections, .connectionsProc: readConnections(text, listing, into: &reading)
    case .sockets: readSockets(text, listing, into: &reading)
    case .netstat: readNetstat(text, listing, into: &reading)
    case .trafficControl: readTrafficControl(text, listing, into: &reading)
    case .transformPolicies: readTransformPolicies(text, listing, into: &reading)
    case .openVSwitch: readOpenVSwitch(text, listing, into: &reading)
    case .virtualServers: readVirtualServers(text, listing, into: &reading)
    case .attachedPrograms: readAttachedPrograms(text, listing, into: &reading)
    case .hostName: reading.host.name = firstLine(text, listing)
    case .kernelRelease: reading.host.kernelRelease = firstLine(text, listing)
    case .captureNotes: readCaptureNotes(text, listing, into: &reading)
    case .virtualServerRules: readVirtualServerRules(text, listing, into: &reading)
    case .nodeStatus: readNodeStatus(text, listing, into: &reading)
    case .birdProtocols: readBirdProtocols(text, listing, into: &reading)
    case .birdRoutes: readBirdRoutes(text, listing, into: &reading)
    case .addressUsage: readAddressUsage(text, listing, into: &reading)
    case .iptablesSave, .iptablesRules, .iptablesList, .nftText, .nftJSON, .nftTables, .unreadRules, .setXML,
        .kubernetes, .failedCommand, .emptyJSON, .otherJSON:
        break
    }
    reading.endListing(at: listing.excerpt.firstPlace)
}
