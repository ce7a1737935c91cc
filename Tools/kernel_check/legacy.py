"""Rules of iptables-legacy, which nftrace does not see: their packet counters tell which ones a packet met."""

import re

from .scratch import run

PROGRAMS = {"ip": "iptables-legacy-save", "ip6": "ip6tables-legacy-save"}


class Counters:
    """The packet counters of all rules and policies; `since` tells what a packet added."""

    def __init__(self, families):
        self.families = families
        self.last = self._read()

    def _read(self):
        found = {}
        for family in self.families:
            table, numbers = "", {}
            for line in run([PROGRAMS[family], "-c"]).stdout.splitlines():
                rule = re.match(r"\[(\d+):\d+\] -A (\S+)", line)
                policy = re.match(r":(\S+) (ACCEPT|DROP) \[(\d+):\d+\]", line)
                if line.startswith("*"):
                    table, numbers = line[1:].strip(), {}
                elif rule:
                    numbers[rule[2]] = numbers.get(rule[2], 0) + 1
                    found[family, table, rule[2], numbers[rule[2]]] = int(rule[1])
                elif policy:
                    found[family, table, policy[1], policy[2].lower()] = int(policy[3])
        return found

    def since(self):
        """(family, table, chain, rule number or policy) → packets, for those that counted since the last call."""
        now = self._read()
        grown = {key: count - self.last.get(key, 0) for key, count in now.items() if count != self.last.get(key, 0)}
        self.last = now
        return grown


def conclude(seen, snapshot):
    """What the counters say of a packet that some hook did not let through."""
    for (family, table, chain, number), _ in sorted(seen.counts.items(), key=str):
        if number == "drop":
            seen.outcome, seen.reason = "dropped", f"policy of {table} {chain}"
            return
        if isinstance(number, str):
            continue
        words = snapshot.rule_text(family, table, chain, number)
        target = re.search(r" -[jg] (DROP|REJECT|NFQUEUE|QUEUE)\b", words)
        if target:
            seen.outcome = {"DROP": "dropped", "REJECT": "rejected"}.get(target[1], "queued")
            seen.reason = f"{table} {chain} {number}"
            return


def differences(steps, seen):
    """Rules that hookline or the kernel has more of; the kernel's own answers may have met further ones."""
    ours = {}
    for step in steps:
        if step.get("kind") == "rule":
            key = (step.get("family"), step.get("table"), step.get("chain"), step.get("rule"))
            ours[key] = ours.get(key, 0) + 1
    kernel = {key: count for key, count in seen.counts.items() if not isinstance(key[3], str)}
    for key in sorted(set(ours) | set(kernel), key=str):
        told, counted = ours.get(key, 0), kernel.get(key, 0)
        if told > counted or (told < counted and not seen.answers):
            return [f"rule {' '.join(map(str, key))}: the kernel counted {counted}, hookline tells {told}"]
    return []
