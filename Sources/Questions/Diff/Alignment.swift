internal import PathModel
internal import RuleModel
internal import SourceText

/// Nodes laid side by side: which parts stand for each other, and what each item counts as.
struct Alignment {
    var forms: [NodeForm]
    let areOneNode: Bool
    let settings: DiffSettings
    private let meanings: MeaningTable
    /// For each node its parts by slot.
    private(set) var bySlot: [[Int: Int]] = []
    private(set) var slotCount = 0

    /// - Parameter meanings: the table that the forms were made with.
    init(_ forms: [NodeForm], _ meanings: MeaningTable, _ settings: DiffSettings) {
        self.forms = forms
        areOneNode = Self.areOneNode(forms)
        self.settings = settings
        self.meanings = meanings
        dropUncompared()
        giveSlots()
        numberItems()
        numberContents()
    }

    /// What one of the inputs does not tell is not compared; and each node has routes of its own.
    private mutating func dropUncompared() {
        let knowsSets = forms.allSatisfy { $0.knowsSets }
        let knowsLinks = forms.allSatisfy { $0.knowsLinks }
        let comparesOwn = areOneNode || settings.isExact
        for index in forms.indices {
            forms[index].parts.removeAll { part in
                switch part.source {
                case .set: !knowsSets
                case .link: !knowsLinks
                case .routes, .neighbours, .forwardingEntries: !comparesOwn
                case .chain, .nativeSet, .object, .flowtable, .setting, .routingRules: false
                }
            }
        }
    }

    /// By the names that the nodes call themselves, else by their addresses. Nothing known counts as one: then all that
    /// differs is told.
    private static func areOneNode(_ forms: [NodeForm]) -> Bool {
        let names = forms.map { $0.ownName }
        if !names.contains("") { return Set(names).count == 1 }
        let addresses = forms.map { $0.addresses }
        if addresses.contains([]) { return true }
        return addresses.dropFirst().allSatisfy { !$0.isDisjoint(with: addresses[0]) }
    }

    // MARK: Slots

    private struct SlotKey: Hashable {
        var key: Part.Key
        /// Of what `key.name` is: 0 a name, 1 a label, 2 a loose label.
        var kind: UInt8
    }

    /// Parts of one name stand for each other; those whose name only one node has do by their label, where each node
    /// has at most one of that label left, and then by their looser one.
    private mutating func giveSlots() {
        var slots: [SlotKey: Int] = [:]
        var count: [Part.Key: Int] = [:]
        for form in forms {
            var seen: Set<Part.Key> = []
            for part in form.parts where seen.insert(part.key).inserted { count[part.key, default: 0] += 1 }
        }
        for node in forms.indices {
            for index in forms[node].parts.indices { forms[node].parts[index].slot = -1 }
        }
        func slot(_ key: SlotKey) -> Int {
            if let known = slots[key] { return known }
            slots[key] = slots.count
            return slots.count - 1
        }
        for node in forms.indices {
            for (index, part) in forms[node].parts.enumerated() where count[part.key, default: 0] > 1 {
                forms[node].parts[index].slot = slot(SlotKey(key: part.key, kind: 0))
            }
        }
        for kind in [UInt8(1), 2] {
            var candidates: [SlotKey: [(node: Int, part: Int)]] = [:]
            for node in forms.indices {
                for (index, part) in forms[node].parts.enumerated() where part.slot < 0 {
                    let label = kind == 1 ? part.label : part.looseLabel
                    if label == .empty || label == part.key.name { continue }
                    let key = Part.Key(kind: part.key.kind, table: part.key.table, name: label)
                    candidates[SlotKey(key: key, kind: kind), default: []].append((node, index))
                }
            }
            for (key, found) in candidates.sorted(by: { $0.key.key.name < $1.key.key.name }) {
                guard found.count > 1, Set(found.map { $0.node }).count == found.count else { continue }
                for place in found { forms[place.node].parts[place.part].slot = slot(key) }
            }
        }
        for node in forms.indices {
            for (index, part) in forms[node].parts.enumerated() where part.slot < 0 {
                forms[node].parts[index].slot = slot(SlotKey(key: part.key, kind: 0))
            }
        }
        slotCount = slots.count
        bySlot = forms.map { form in
            var places: [Int: Int] = [:]
            // Of two tables of one name the kernel has one; a listing that has both is told of elsewhere.
            for (index, part) in form.parts.enumerated() where places[part.slot] == nil { places[part.slot] = index }
            return places
        }
    }

    // MARK: Items

    /// What two nodes say word for word counts as that; what only one says so counts as what it stands for. Rules of one
    /// node's pods count for nothing then.
    private mutating func numberItems() {
        struct Said {
            var nodes = 0
            var last = -1
        }
        struct Saying: Hashable {
            var slot: Int
            var exact: Int32
        }
        var said: [Saying: Said] = [:]
        for form in forms {
            for part in form.parts {
                for item in part.items where item.exact != item.local || item.isOfPod {
                    said[Saying(slot: part.slot, exact: item.exact)] = Said()
                }
            }
        }
        if said.isEmpty {
            for node in forms.indices {
                for index in forms[node].parts.indices { forms[node].parts[index].takeExact() }
            }
            return
        }
        for (node, form) in forms.enumerated() {
            for part in form.parts {
                for item in part.items {
                    let key = Saying(slot: part.slot, exact: item.exact)
                    guard var entry = said[key], entry.last != node else { continue }
                    entry.last = node
                    entry.nodes += 1
                    said[key] = entry
                }
            }
        }
        for node in forms.indices {
            for index in forms[node].parts.indices {
                let slot = forms[node].parts[index].slot
                for place in forms[node].parts[index].items.indices {
                    let item = forms[node].parts[index].items[place]
                    var number = item.exact
                    if item.exact != item.local || item.isOfPod,
                        said[Saying(slot: slot, exact: item.exact)]?.nodes ?? 0 < 2
                    {
                        number = item.isOfPod ? Part.Item.leftOut : item.local
                    }
                    forms[node].parts[index].items[place].number = number
                }
            }
        }
    }

    private mutating func numberContents() {
        for node in forms.indices {
            for index in forms[node].parts.indices {
                let part = forms[node].parts[index]
                var numbers: [Int32] = []
                numbers.reserveCapacity(part.items.count + 1)
                for item in part.items where item.number != Part.Item.leftOut { numbers.append(item.number) }
                if !part.isOrdered { numbers.sort() }
                numbers.append(part.header)
                if areOneNode || settings.isExact { numbers.append(part.ownHeader) }
                forms[node].parts[index].content = meanings.number(of: numbers)
            }
        }
    }

    // MARK: Answers

    func part(_ slot: Int, of node: Int) -> Part? { bySlot[node][slot].map { forms[node].parts[$0] } }

    /// Whether a node that lacks the part of this slot is like one that has it.
    func isNeeded(_ need: Part.Need) -> Bool {
        switch need {
        case .always: true
        case .wherePodsNeedIt, .whereOneNode: areOneNode
        case .ofPod, .whereKnown: false
        }
    }

    /// Nodes that are equal, the largest group first; of equally large ones the one that has the first node.
    func groups() -> [[Int]] {
        // What nodes that lack an optional part are taken to have: what most others do.
        var usual = [Int32](repeating: -1, count: slotCount)
        var differs = [Bool](repeating: false, count: slotCount)
        var votes: [[Int32: Int]] = [[Int32: Int]](repeating: [:], count: slotCount)
        var isOptional = [Bool](repeating: false, count: slotCount)
        for (node, form) in forms.enumerated() {
            for part in form.parts where bySlot[node][part.slot].map({ form.parts[$0].source == part.source }) ?? false
            {
                votes[part.slot][part.content, default: 0] += 1
                if !isNeeded(part.need) { isOptional[part.slot] = true }
            }
        }
        for slot in 0..<slotCount {
            let total = votes[slot].values.reduce(0, +)
            differs[slot] = votes[slot].count > 1 || (total < forms.count && !isOptional[slot])
            guard isOptional[slot] else { continue }
            let best = votes[slot].max { a, b in a.value == b.value ? a.key > b.key : a.value < b.value }
            usual[slot] = best?.key ?? -1
        }
        let compared = (0..<slotCount).filter { differs[$0] }
        var groups: [[Int32]: [Int]] = [:]
        for node in forms.indices {
            let contents = compared.map { slot in part(slot, of: node)?.content ?? usual[slot] }
            groups[contents, default: []].append(node)
        }
        return groups.values.sorted { a, b in a.count == b.count ? a[0] < b[0] : a.count > b.count }
    }
}
