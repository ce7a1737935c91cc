internal import NetTypes
internal import RuleModel
internal import SourceText

// Targets that tell, count, copy or remember.
// Source of every layout: include/uapi/linux/netfilter/xt_NAME.h, Linux 6.18.
extension XtablesData {
    /// `struct xt_log_info`
    func log(_ names: inout NameTable) -> Target? {
        guard fits(32), byte(0) < 8, byte(1) & ~0x2f == 0 else { return nil }
        var target = LogTarget()
        target.level = byte(0)
        target.options = LogTarget.Options(rawValue: byte(1))
        target.prefix = symbol(2, 30, &names)
        return .log(target)
    }

    /// `struct xt_nflog_info`: without its flag the length is not heeded, and called a range.
    func netlinkLog(_ names: inout NameTable) -> Target? {
        guard fits(76), half(8) & ~1 == 0 else { return nil }
        var target = NFLogTarget()
        target.group = half(4)
        target.threshold = half(6)
        target.prefix = symbol(12, 64, &names)
        if half(8) != 0 {
            target.size = word(0)
        } else if word(0) != 0 {
            target.range = word(0)
        }
        return .nfLog(target)
    }

    /// `struct xt_audit_info`
    func audit() -> Target? {
        let types: [AuditType] = [.accept, .drop, .reject]
        return fits(1) && byte(0) < 3 ? .audit(types[Int(byte(0))]) : nil
    }

    /// `struct xt_set_info_target_v1` to 3; a set of 65535 is none.
    func changeSets(_ sets: SetNames) -> Target? {
        guard fits(revision == 1 ? 8 : revision == 2 ? 16 : 20) else { return nil }
        var target = SetTarget()
        let places = revision < 3 ? [0, 4] : [0, 4, 8]
        for place in places where half(place) != .max {
            guard let name = setName(place, sets), let directions = directions(place) else { return nil }
            let operation = SetTarget.Operation(set: name, directions: directions)
            switch place {
            case 0: target.add = operation
            case 4: target.delete = operation
            default: target.map = operation
            }
        }
        if revision > 1 {
            let flags = word(revision == 2 ? 8 : 12)
            guard flags & ~0x701 == 0 else { return nil }
            target.exists = flags & 0x001 != 0
            target.mapsMark = flags & 0x100 != 0
            target.mapsPriority = flags & 0x200 != 0
            target.mapsQueue = flags & 0x400 != 0
            let timeout = word(revision == 2 ? 12 : 16)
            if timeout != .max { target.timeout = timeout }
        }
        guard target.add != nil || target.delete != nil || target.map != nil else { return nil }
        return .set(target)
    }

    /// `struct xt_tee_tginfo`
    func tee(_ names: inout NameTable) -> Target? {
        guard fits(40) else { return nil }
        var target = TEETarget(gateway: address(0))
        target.device = symbol(16, 16, &names)
        return .tee(target)
    }

    /// `struct idletimer_tg_info`, and `_v1` with the kind of timer.
    func idleTimer(_ names: inout NameTable) -> Target? {
        guard fits(revision == 0 ? 40 : 48), revision == 0 || byte(33) < 2 else { return nil }
        var target = IdleTimerTarget()
        target.timeout = word(0)
        target.label = symbol(4, 28, &names)
        target.isAlarm = revision > 0 && byte(33) == 1
        return .idleTimer(target)
    }

    /// `struct xt_led_info`
    func led(_ names: inout NameTable) -> Target? {
        guard fits(40) else { return nil }
        var target = LEDTarget()
        // iptables puts this before every name.
        let name = text(0, 27)
        let prefix = Array("netfilter-".utf8)
        guard name.starts(with: prefix) else { return nil }
        target.identifier = names.intern(Array(name.dropFirst(prefix.count)).span)
        target.alwaysBlinks = isSet(27)
        target.delay = word(28) == .max ? nil : word(28)
        return .led(target)
    }

    /// `struct xt_rateest_target_info`
    func rateEstimator(_ names: inout NameTable) -> Target? {
        guard fits(32) else { return nil }
        var target = RateEstimateTarget()
        target.name = symbol(0, 16, &names)
        target.interval = Int8(bitPattern: byte(16))
        target.ewmaLog = byte(17)
        guard (-2...3).contains(target.interval), target.ewmaLog < 32 else { return nil }
        return .rateEstimate(target)
    }
}
