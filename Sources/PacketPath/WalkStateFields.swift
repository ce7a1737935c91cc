internal import NetTypes
internal import PathModel
internal import RuleModel
internal import SourceText

// The fields of a way, read and changed in place in the `Body` that holds them.
extension WalkState {
    var position: Position {
        _read { yield body.position }
        _modify { yield &body.position }
    }
    var packet: Packet {
        _read { yield body.packet }
        _modify { yield &body.packet }
    }
    var context: HookContext {
        _read { yield body.context }
        _modify { yield &body.context }
    }
    var connection: Connection {
        _read { yield body.connection }
        _modify { yield &body.connection }
    }
    var route: RoutingStep? {
        _read { yield body.route }
        _modify { yield &body.route }
    }
    /// The interface that its route leads to; `nil` also without a route.
    var routeInterface: Symbol? { body.routeInterface }
    /// Whether its route has an encapsulation (`encap …`).
    var isEncapsulating: Bool { body.isEncapsulating }
    /// The gateway of its route; `nil` also without a route.
    var routeNextHop: IPAddress? { body.routeNextHop }
    var isLocal: Bool {
        _read { yield body.isLocal }
        _modify { yield &body.isLocal }
    }
    var startedHere: Bool {
        _read { yield body.startedHere }
        _modify { yield &body.startedHere }
    }
    var arrival: InterfaceView {
        _read { yield body.arrival }
        _modify { yield &body.arrival }
    }
    var inner: [Packet] {
        _read { yield body.inner }
        _modify { yield &body.inner }
    }
    var tunnelHeader: TunnelHeader? {
        _read { yield body.tunnelHeader }
        _modify { yield &body.tunnelHeader }
    }
    var layer: UInt8 {
        _read { yield body.layer }
        _modify { yield &body.layer }
    }
    var round: Int {
        _read { yield body.round }
        _modify { yield &body.round }
    }
    var template: TrackingTemplate? {
        _read { yield body.template }
        _modify { yield &body.template }
    }
    var hasVerifiedChecksum: Bool {
        _read { yield body.hasVerifiedChecksum }
        _modify { yield &body.hasVerifiedChecksum }
    }
    var summedAgain: SummedHeader? {
        _read { yield body.summedAgain }
        _modify { yield &body.summedAgain }
    }
    var checksumDrift: UInt16 {
        _read { yield body.checksumDrift }
        _modify { yield &body.checksumDrift }
    }
    var recentEntries: [RecentEntry] {
        _read { yield body.recentEntries }
        _modify { yield &body.recentEntries }
    }
    var setChanges: SetChanges {
        _read { yield body.setChanges }
        _modify { yield &body.setChanges }
    }
    var inPort: Symbol? {
        _read { yield body.inPort }
        _modify { yield &body.inPort }
    }
    var outPort: Symbol? {
        _read { yield body.outPort }
        _modify { yield &body.outPort }
    }
    var device: Symbol? {
        _read { yield body.device }
        _modify { yield &body.device }
    }
    var isBridged: Bool {
        _read { yield body.isBridged }
        _modify { yield &body.isBridged }
    }
    /// Whether it was routed on by lo and came back, which IPv4 alone does.
    var isCircling: Bool { isLoopedBack && !startedHere && route?.type == .unicast }

    var isLoopedBack: Bool {
        _read { yield body.isLoopedBack }
        _modify { yield &body.isLoopedBack }
    }
    var isPutTogether: Bool {
        _read { yield body.isPutTogether }
        _modify { yield &body.isPutTogether }
    }
    var isInOnePiece: Bool {
        _read { yield body.isInOnePiece }
        _modify { yield &body.isInOnePiece }
    }
    var fragments: FragmentedDatagram? {
        _read { yield body.fragments }
        _modify { yield &body.fragments }
    }
    var isWithoutSocket: Bool {
        _read { yield body.isWithoutSocket }
        _modify { yield &body.isWithoutSocket }
    }
    var markOnBridge: UInt32? {
        _read { yield body.markOnBridge }
        _modify { yield &body.markOnBridge }
    }

    var isGivenToSocket: Bool {
        _read { yield body.isGivenToSocket }
        _modify { yield &body.isGivenToSocket }
    }
    var rejected: ConnectionTuple? {
        _read { yield body.rejected }
        _modify { yield &body.rejected }
    }
    var isLeftByCT: Bool {
        _read { yield body.isLeftByCT }
        _modify { yield &body.isLeftByCT }
    }
    var quotesTooLittle: Bool {
        _read { yield body.quotesTooLittle }
        _modify { yield &body.quotesTooLittle }
    }
    var isOfIPVS: Bool {
        _read { yield body.isOfIPVS }
        _modify { yield &body.isOfIPVS }
    }
    var virtualConnection: VirtualConnection? {
        _read { yield body.virtualConnection }
        _modify { yield &body.virtualConnection }
    }
    var natOfCopy: [Step]? {
        _read { yield body.natOfCopy }
        _modify { yield &body.natOfCopy }
    }
    var outcome: Outcome? {
        _read { yield body.outcome }
        _modify { yield &body.outcome }
    }
    var possibleOutcomes: [Outcome] {
        _read { yield body.possibleOutcomes }
        _modify { yield &body.possibleOutcomes }
    }
    var reason: Reason? {
        _read { yield body.reason }
        _modify { yield &body.reason }
    }
    var rejectWith: RejectWith? {
        _read { yield body.rejectWith }
        _modify { yield &body.rejectWith }
    }
    var history: History {
        _read { yield body.history }
        _modify { yield &body.history }
    }
}
