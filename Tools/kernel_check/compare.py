"""hookline's answer against the kernel's, rule by rule."""

import json
import os
import subprocess

from . import legacy, packets

#: The kernel does not say why a packet vanished between two hooks; these outcomes are what it can have been.
VANISHED = {"filtered", "unroutable", "dropped"}
ANSWERS = {"ttl": ("icmp 11/0", "icmpv6 3/0"), "too-big": ("icmp 3/4", "icmpv6 2/0")}


class NoAnswer(Exception):
    """hookline could not be run, or did not answer."""


def program(root):
    """The command to ask: $HOOKLINE, else what was built last."""
    if os.environ.get("HOOKLINE"):
        return os.environ["HOOKLINE"]
    built = [os.path.join(root, ".build", kind, "hookline") for kind in ("release", "debug")]
    built = [path for path in built if os.access(path, os.X_OK)]
    if not built:
        raise NoAnswer("it is not built: `swift build -c release --product hookline`, or set HOOKLINE")
    return max(built, key=os.path.getmtime)


def hookline(folder, arguments, root):
    """The JSON answer of `hookline trace FOLDER ARGUMENTS`."""
    command = [program(root), "trace", folder, *arguments, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)) from error
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise NoAnswer(done.stderr.strip() or f"no JSON, status {done.returncode}") from error


def hookline_packets(folder, lines, root, flows=False):
    """One answer for each JSON line, by `--packets`."""
    command = [program(root), "trace", folder, "--packets", "-"] + (["--flows"] if flows else [])
    try:
        done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoAnswer(str(error)) from error
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    if len(answers) != len(lines):
        raise NoAnswer(done.stderr.strip() or f"{len(answers)} answers to {len(lines)} packets")
    return answers


def leaves(result, steps=()):
    """(result, all its steps) for every way that the answer leaves open; one for a sure answer."""
    steps = tuple(steps) + tuple(result.get("steps") or [])
    branches = result.get("branches")
    if not branches:
        yield result, steps
        return
    for branch in branches:
        yield from leaves(branch.get("result", branch), steps)


def differences(answer, seen, laboratory):
    """What the kernel did otherwise, in words; empty where one way of the answer is the kernel's."""
    best = None
    for leaf, steps in leaves(answer):
        found = compare_leaf(leaf, steps, seen, laboratory)
        if not found:
            return []
        if best is None or len(found) < len(best):
            best = found
    return best


def is_open(answer):
    return bool(answer.get("branches"))


def compare_leaf(leaf, steps, seen, laboratory):
    # Where a stand-in carries the packet no further, the tunnel's own packet can't be seen.
    stand_in = seen.inner_interface in laboratory.scratch.plain
    if seen.counts is not None:
        found = legacy.differences([step for step in steps if not (stand_in and step.get("layer"))], seen)
    else:
        found = compare_rules(steps, seen, stand_in)
        found += compare_policies(steps, seen, stand_in)
    found += compare_outcome(leaf, steps, seen, stand_in)
    states = [step.get("state") for step in steps if step.get("kind") == "conntrack" and not step.get("layer")]
    # Of an invalid packet the kernel tells nothing; over lo another state, or a NOTRACK, may follow.
    states = [state.lower().split(",")[0] for state in states if state]
    if seen.state and states and seen.state not in states and (seen.state, states[0]) != ("untracked", "invalid"):
        found.append(f"conntrack state: kernel {seen.state}, hookline {states[0]}")
    return found


def compare_rules(steps, seen, stand_in):
    # Inner and outer packets of a tunnel in the order of time: that is the same in both, however layers are counted.
    kernel = [
        (s.hook, s.family, s.table, s.chain, s.number, s.verdict) + ((s.target,) if s.target else ())
        for s in seen.steps
    ]
    ours, perhaps = [], []
    for step in steps:
        layer = step.get("layer") or 0
        if step.get("kind") != "rule" or (stand_in and layer):
            continue
        verdict = step.get("verdict")
        verdict = "drop" if verdict == "reject" else verdict
        target = (step.get("target"),) if verdict in ("jump", "goto") else ()
        place = tuple(step.get(key) for key in ("hook", "family", "table", "chain", "rule"))
        ours.append((*place, verdict) + target)
        perhaps.append(step.get("certain") is False)
    index = 0
    for number, step in enumerate(kernel):
        while index < len(ours) and ours[index] != step and perhaps[index]:
            index += 1
        if index == len(ours):
            return [f"rule {number + 1}: kernel {words(step)}, hookline has no more"]
        if ours[index] != step:
            return [f"rule {number + 1}: kernel {words(step)}, hookline {words(ours[index])}"]
        index += 1
    rest = [step for step, maybe in zip(ours[index:], perhaps[index:]) if not maybe]
    if rest:
        return [f"rule {len(kernel) + 1}: kernel has no more, hookline {words(rest[0])}"]
    return []


def words(step):
    hook, family, table, chain, number, verdict, *target = step
    return f"{hook} {family} {table} {chain} {number}: {verdict} {' '.join(map(str, target))}".strip()


def compare_policies(steps, seen, stand_in):
    ours = [
        (step.get("family"), step.get("hook"), step.get("table"), step.get("chain"), step.get("verdict"))
        for step in steps if step.get("kind") == "policy" and not (stand_in and step.get("layer") or step.get("certain") is False)
    ]
    if not ours:
        return []
    for policy in ours:
        if policy not in [known[1:] for known in seen.policies]:
            return [f"policy: hookline {' '.join(map(str, policy))}, not so in the kernel"]
    return []


def compare_outcome(leaf, steps, seen, stand_in):
    found = []
    outcome = leaf.get("outcome")
    reason = leaf.get("reason")
    if seen.outcome in ("gone", "unroutable", "unseen"):
        if outcome not in VANISHED:
            return [f"outcome: kernel {seen.outcome} ({seen.reason}), hookline {outcome}"]
        told = [answer.words for answer in seen.answers]
        for name, answers in ANSWERS.items():
            # The other way round the answer may have found no way to the sender, or was owed to no error.
            if reason != name and any(answer in told for answer in answers):
                found.append(f"reason: kernel answered {told or 'nothing'}, hookline {reason}")
        return found
    if outcome != seen.outcome:
        return [f"outcome: kernel {seen.outcome} ({seen.reason or seen.interface}), hookline {outcome} ({reason})"]
    if str(seen.reason).startswith("but nothing left"):
        found.append(f"kernel: {seen.reason}")
    out = leaf.get("out") or {}
    if stand_in:
        out = dict(out.get("inner") or out, mark=out.get("mark"))
    elif seen.outer is not None:
        found += compare_packet("outer packet", out, seen.outer, ("sourcePort",))
        out = dict(out.get("inner") or {}, interface=out.get("interface"), mark=out.get("mark"))
    # The kernel's trace shows the headers as a chain began: what it changed before it dropped is not seen.
    leave = ("ttl", "dscp") if outcome in ("dropped", "rejected", "queued") else ()
    found += compare_packet("packet", out, seen.packet, leave)
    if outcome in ("forwarded", "sent") and not stand_in and out.get("interface") != seen.interface:
        found.append(f"out: kernel {seen.interface}, hookline {out.get('interface')}")
    if out.get("mark") is not None and number(out["mark"]) != seen.mark and not stand_in:
        found.append(f"mark: kernel {seen.mark:#x}, hookline {out['mark']}")
    return found


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def compare_packet(what, out, packet, leave):
    found = []
    fields = {
        "source": str(packet.source), "destination": str(packet.destination), "sourcePort": packet.source_port,
        "destinationPort": packet.destination_port, "ttl": packet.ttl, "dscp": packet.dscp,
    }
    for key, value in fields.items():
        told = out.get(key)
        if told is None or value is None or key in leave:
            continue
        if told != value and str(told) != str(value):
            found.append(f"{what} {key}: kernel {value}, hookline {told}")
    return found
