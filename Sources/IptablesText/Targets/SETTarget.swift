internal import NetTypes
internal import RuleModel

extension RuleReader {
    /// `-j SET`
    mutating func readSETTarget() throws(RuleFailure) -> Target {
        var target = SetTarget()
        while try beginOption() {
            if takes("--add-set") {
                try refuseSecond(target.add)
                target.add = SetTarget.Operation(set: try symbol(), directions: try setDirections())
            } else if takes("--del-set") {
                try refuseSecond(target.delete)
                target.delete = SetTarget.Operation(set: try symbol(), directions: try setDirections())
            } else if takes("--map-set") {
                try refuseSecond(target.map)
                target.map = SetTarget.Operation(set: try symbol(), directions: try setDirections())
            } else if takes("--exist") {
                target.exists = true
            } else if takes("--timeout") {
                target.timeout = try number(upTo: .max - 1)
            } else if takes("--map-mark") {
                target.mapsMark = true
            } else if takes("--map-prio") {
                target.mapsPriority = true
            } else if takes("--map-queue") {
                target.mapsQueue = true
            } else {
                break
            }
        }
        if target.exists || target.timeout != nil {
            guard target.add != nil else { throw missing("--add-set") }
        }
        let maps = target.mapsMark || target.mapsPriority || target.mapsQueue
        if maps, target.map == nil { throw missing("--map-set") }
        if !maps, target.map != nil { throw missing("--map-mark, --map-prio or --map-queue") }
        guard target.add != nil || target.delete != nil || target.map != nil else {
            throw missing("--add-set, --del-set or --map-set")
        }
        return .set(target)
    }
}

extension RuleWriter {
    mutating func writeSetTarget(_ target: SetTarget) {
        if let add = target.add {
            option("--add-set")
            writeSetName(add.set, add.directions)
        }
        if target.exists { option("--exist") }
        if let timeout = target.timeout { option("--timeout", timeout) }
        if let delete = target.delete {
            option("--del-set")
            writeSetName(delete.set, delete.directions)
        }
        if let map = target.map {
            option("--map-set")
            writeSetName(map.set, map.directions)
        }
        if target.mapsMark { option("--map-mark") }
        if target.mapsPriority { option("--map-prio") }
        if target.mapsQueue { option("--map-queue") }
    }
}
