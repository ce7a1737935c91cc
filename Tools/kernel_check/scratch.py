"""A scratch network namespace that looks like the snapshot: TAPs, bridges, VXLAN, addresses, routes, rules, sets.

The process that calls `enter` is inside it from then on, and the namespace ends with the process: nothing
remains to clean up, and nothing that is sent leaves it.
"""

import ctypes
import fcntl
import ipaddress
import os
import re
import shutil
import struct
import subprocess

from . import netlink

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, TUNSETIFINDEX, TUNSETCARRIER = 0x400454CA, 0x400454DA, 0x400454E2
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000
#: The table whose chains start the trace and mark its stations; its name is in no snapshot.
PROBE = "hookline_probe"
FIRST, LAST = -2000000000, 2000000000
NEIGHBOUR = "02:00:00:00:00:fe"


class CannotBuild(Exception):
    """The snapshot, or a part of it that matters, can't be made here."""


def enter():
    """Moves this process into a new network namespace; with a user namespace where it is not root."""
    libc = ctypes.CDLL(None, use_errno=True)

    def unshare(flags):
        if libc.unshare(flags):
            code = ctypes.get_errno()
            raise CannotBuild(f"no network namespace can be made: {os.strerror(code)}")

    if os.geteuid() == 0:
        unshare(CLONE_NEWNET)
        return
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for name, words in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(words)


def run(command, text=None, check=True):
    """Runs one of the system's tools; its complaint is the exception's text."""
    if shutil.which(command[0]) is None:
        raise CannotBuild(f"{command[0]} is not installed")
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    if check and done.returncode:
        raise CannotBuild(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done


def write_setting(path, value):
    try:
        with open(path, "w") as file:
            file.write(value)
        return True
    except OSError:
        return False


class Scratch:
    """The namespace made from `snapshot`, its TAPs by name, and what had to be left out."""

    def __init__(self, snapshot, backend="nft", addresses=()):
        self.snapshot = snapshot
        self.backend = backend
        self.taps = {}
        #: Interfaces that carry IP packets without a link header.
        self.plain = set()
        self.ports = {link.name: link.master for link in snapshot.links if link.master}
        self.left_out = []
        self.hardware = {}
        self._links()
        self._addresses()
        self._settings()
        self._routes()
        self._neighbours(snapshot.mentioned_addresses() | set(addresses))
        self._tables()
        self._connections()
        self.indexes = {}
        for line in run(["ip", "-o", "link"]).stdout.splitlines():
            head = re.match(r"(\d+): ([^:@\s]+)", line)
            self.indexes[int(head[1])] = head[2]
            hardware = re.search(r"link/ether (\S+)", line)
            if hardware:
                self.hardware[head[2]] = hardware[1]

    def _batch(self, commands, *options):
        """Runs `ip -batch`; returns the numbers (from 1) of commands that failed, with the reasons."""
        done = run(["ip", "-force", *options, "-batch", "-"], "\n".join(commands) + "\n", check=False)
        failed, reason = {}, ""
        for line in done.stderr.splitlines():
            number = re.match(r"Command failed -:(\d+)", line)
            if number:
                failed[int(number[1])] = reason
            else:
                reason = line.strip()
        return failed

    def _must(self, commands, what):
        failed = self._batch(commands)
        for number, reason in failed.items():
            self.left_out.append(f"{what}: `ip {commands[number - 1]}`: {reason}")

    # Interfaces

    def _links(self):
        bridges = set(self.ports.values())
        commands = ["link set lo up"]
        later = []
        for link in self.snapshot.links:
            if link.name == "lo":
                continue
            if link.details.startswith("vxlan "):
                later += self._vxlan(link)
            elif link.name in bridges:
                commands.append(f"link add {link.name} index {link.index} type bridge stp_state 0 mcast_snooping 0")
            else:
                self._tap(link)
            settings = [f"link set {link.name} mtu {link.mtu} addrgenmode none"]
            if link.hardware and link.kind == "ether":
                settings.append(f"link set {link.name} address {link.hardware}")
            (later if link.details.startswith("vxlan ") else commands).extend(settings)
        for link in self.snapshot.links:
            if link.master:
                later.append(f"link set {link.name} master {link.master}")
                if link.hairpin:
                    later.append(f"link set {link.name} type bridge_slave hairpin on")
        self._must(commands + later, "interface")

    def _vxlan(self, link):
        """The command for a VXLAN device; without enough of `ip -d link` a TAP stands in."""
        words = link.details.split()
        options = []
        for option in ("id", "local", "dev", "dstport", "group", "remote"):
            if option in words:
                options.append(f"{option} {words[words.index(option) + 1]}")
        if not any(option.startswith("id ") for option in options):
            self._tap(link)
            return []
        if "nolearning" in words:
            options.append("nolearning")
        return [f"link add {link.name} index {link.index} type vxlan {' '.join(options)}"]

    def _tap(self, link):
        mode = IFF_TAP
        if link.kind not in ("ether", "loopback", ""):
            mode = IFF_TUN
            self.plain.add(link.name)
        try:
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.ioctl(device, TUNSETIFINDEX, struct.pack("I", link.index))
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", link.name.encode(), mode | IFF_NO_PI))
            if not link.carrier:
                fcntl.ioctl(device, TUNSETCARRIER, struct.pack("I", 0))
        except OSError as error:
            raise CannotBuild(f"no TAP {link.name}: {error.strerror}") from error
        self.taps[link.name] = device

    def _addresses(self):
        # A repeated detection of duplicates would send packets, and keep an address from use for a second.
        for name in ("all", "default", *(link.name for link in self.snapshot.links)):
            base = f"/proc/sys/net/ipv6/conf/{name}"
            for setting in ("accept_dad", "dad_transmits", "router_solicitations", "accept_ra", "autoconf"):
                write_setting(f"{base}/{setting}", "0")
        commands = []
        for link in self.snapshot.links:
            # The kernel lists IPv6 addresses of one scope newest first.
            old = [address for address in link.addresses if address.address.version == 4]
            new = [address for address in reversed(link.addresses) if address.address.version == 6]
            for address in old + new:
                if link.name == "lo" and address.address in LOOPBACK:
                    continue
                words = [f"address add {address.address}"]
                words[0] += f" peer {address.peer}" if address.peer else f"/{address.length}"
                if address.broadcast:
                    words.append(f"brd {address.broadcast}")
                words.append(f"dev {link.name} scope {address.scope}")
                if address.label:
                    words.append(f"label {address.label}")
                if address.address.version == 6:
                    words.append("nodad")
                if "noprefixroute" in address.flags:
                    words.append("noprefixroute")
                commands.append(" ".join(words))
        self._must(commands, "address")
        self._must([f"link set {link.name} up" for link in self.snapshot.links if link.up], "interface")

    # The host

    def _settings(self):
        lines = [line.partition("=") for line in self.snapshot.lines("sysctls")]
        settings = [(name.strip(), value.strip()) for name, _, value in lines]
        if not settings:
            settings = [("net.ipv4.ip_forward", "1"), ("net.ipv6.conf.all.forwarding", "1")]
            self.left_out.append("no sysctl.txt: forwarding is switched on, all else is the kernel's default")

        def order(setting):
            # What sets many comes before what sets one.
            name = setting[0]
            return 0 if name == "net.ipv4.ip_forward" else 1 if ".all." in name else 2 if ".default." in name else 3

        for name, value in sorted(settings, key=order):
            path = "/proc/sys/" + name.translate(str.maketrans("./", "/."))
            if not write_setting(path, value) and os.path.exists(path) and read_setting(path) != value:
                self.left_out.append(f"sysctl {name} stays {read_setting(path)}, not {value}")
        for name in ("icmp_ratelimit",):
            write_setting(f"/proc/sys/net/ipv4/{name}", "0")
            write_setting("/proc/sys/net/ipv6/icmp/ratelimit", "0")
        for link in ("all", *(link.name for link in self.snapshot.links)):
            write_setting(f"/proc/sys/net/ipv4/conf/{link}/send_redirects", "0")

    def _routes(self):
        joined = []
        for line in self.snapshot.lines("routes"):
            if line[0].isspace() and joined:
                joined[-1] += " " + line.strip()
            else:
                joined.append(line.strip())
        commands = {4: [], 6: []}
        for line in joined:
            line = re.sub(r" (linkdown|dead|onlink linkdown|offload|trap|rt_offload|rt_trap)\b", "", line)
            line = re.sub(r" (expires \S+|hoplimit \d+ pref \w+|error -?\d+|pref \w+|iif \S+)", "", line)
            if "table unspec" in line or re.search(r"^(multicast|anycast) ", line):
                continue
            if "proto kernel" in line and ("table local" in line or "scope link" in line or ":" in line):
                continue
            six = ":" in line.split(" dev ")[0] or " pref " in line or re.search(r"^default dev .*metric 1024", line)
            commands[6 if six else 4].append("route add " + line.replace(" nexthop", " nexthop"))
        for version, lines in commands.items():
            lines.sort(key=lambda line: " via " in line)
            failed = self._batch(lines, f"-{version}")
            for number, reason in failed.items():
                if "File exists" not in reason:
                    self.left_out.append(f"route: `ip {lines[number - 1]}`: {reason}")
        for version, key in ((4, "rules"), (6, "rules_six")):
            lines = [re.match(r"(\d+):\s+(.*)", line) for line in self.snapshot.lines(key)]
            lines = [(int(line[1]), line[2].strip()) for line in lines if line]
            usual = [(0, "from all lookup local"), (32766, "from all lookup main"), (32767, "from all lookup default")]
            if not lines or lines == usual[: len(usual) - (version == 6)]:
                continue
            new = [f"rule add pref {number} {words}" for number, words in lines if (number, words) not in usual]
            gone = [f"rule del pref {number}" for number, words in usual if (number, words) not in lines]
            failed = self._batch(new, f"-{version}")
            for number, reason in failed.items():
                self.left_out.append(f"rule: `ip {new[number - 1]}`: {reason}")
            self._batch(gone, f"-{version}")

    def _neighbours(self, addresses):
        commands = []
        own = self.snapshot.own_addresses()
        known = set()
        for line in self.snapshot.lines("neighbours"):
            words = line.split()
            if "lladdr" in words and "dev" in words and "FAILED" not in words:
                name = words[words.index("dev") + 1]
                known.add((words[0], name))
                hardware = words[words.index("lladdr") + 1]
                commands.append(f"neigh replace {words[0]} lladdr {hardware} dev {name} nud permanent")
        for link in self.snapshot.links:
            if link.name == "lo" or link.master or link.name in self.plain or link.details.startswith("vxlan "):
                continue
            for address in sorted(addresses - own, key=str):
                if (str(address), link.name) not in known and not (address.is_multicast or address.is_loopback):
                    commands.append(f"neigh replace {address} lladdr {NEIGHBOUR} dev {link.name} nud permanent")
        self._batch(commands)
        for line in self.snapshot.lines("fdb"):
            words = line.split()
            if "dst" in words and "dev" in words:
                name, peer = words[words.index("dev") + 1], words[words.index("dst") + 1]
                run(["bridge", "fdb", "append", words[0], "dev", name, "dst", peer], check=False)
            elif "master" in words and "permanent" not in words:
                name = words[words.index("dev") + 1]
                run(["bridge", "fdb", "replace", words[0], "dev", name, "master", "static"], check=False)

    # Rules

    def _tables(self):
        if self.snapshot.text("sets"):
            run(["ipset", "restore", "-exist"], self.snapshot.text("sets"))
        for key, program in (("rules4", "iptables"), ("rules6", "ip6tables")):
            if self.snapshot.text(key):
                run([f"{program}-{self.backend}-restore"], self.snapshot.text(key))
        if self.snapshot.text("nft"):
            run(["nft", "-f", "-"], self.snapshot.text("nft"))
        chains = "\n".join(
            f"  chain {hook}_{edge} {{ type filter hook {hook} priority {priority}; policy accept;"
            + (f" meta nftrace set 1;" if edge == "first" and hook in ("prerouting", "output") else "") + " }"
            for hook in netlink.HOOKS for edge, priority in (("first", FIRST), ("last", LAST))
        )
        run(["nft", "-f", "-"], f"table inet {PROBE} {{\n{chains}\n}}\n")

    def _connections(self):
        if not self.snapshot.lines("connections"):
            return
        for line in self.snapshot.lines("connections"):
            if not re.match(r"(ipv[46]\s+\d+\s+)?(tcp|udp|icmp|icmpv6|sctp|gre|unknown)\s+\d+ ", line):
                continue
            command = connection_command(line)
            if command is None or run(command, check=False).returncode:
                self.left_out.append(f"connection: {line.strip()}")


LOOPBACK = (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))


def read_setting(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def connection_command(line):
    """`conntrack -I …` that makes the entry of one line of `conntrack -L` again; None where it can't be said."""
    words = re.sub(r"^ipv[46]\s+\d+\s+", "", line).split()
    protocol = words[0]
    values = {}
    for key, value in re.findall(r"\b(src|dst|sport|dport|type|code|id|mark|zone)=(\S+)", line):
        values.setdefault(key, []).append(value)
    if protocol not in ("tcp", "udp", "icmp", "icmpv6", "sctp") or len(values.get("src", [])) != 2:
        return None
    (source, answerer), (destination, answered) = values["src"], values["dst"]
    command = ["conntrack", "-I", "-p", protocol, "-t", "600", "-s", source, "-d", destination]
    ports = values.get("sport", []), values.get("dport", [])
    translated_from = translated_to = ""
    if protocol in ("icmp", "icmpv6"):
        command += [f"--icmp{'v6' if protocol == 'icmpv6' else ''}-type", values["type"][0]]
        command += [f"--icmp{'v6' if protocol == 'icmpv6' else ''}-code", values["code"][0]]
        command += [f"--icmp{'v6' if protocol == 'icmpv6' else ''}-id", values["id"][0]]
        if answered != source:
            translated_from = answered
        if answerer != destination:
            translated_to = answerer
    else:
        command += ["--sport", ports[0][0], "--dport", ports[1][0]]
        bracket = (lambda a: f"[{a}]") if ":" in source else str
        if (answered, ports[1][1]) != (source, ports[0][0]):
            translated_from = f"{bracket(answered)}:{ports[1][1]}"
        if (answerer, ports[0][1]) != (destination, ports[1][0]):
            translated_to = f"{bracket(answerer)}:{ports[0][1]}"
    if translated_from:
        command += ["--src-nat", translated_from]
    if translated_to:
        command += ["--dst-nat", translated_to]
    if protocol == "tcp":
        command += ["--state", words[3] if words[3].isupper() else "ESTABLISHED"]
    status = ["SEEN_REPLY"] * ("[UNREPLIED]" not in line) + ["ASSURED"] * ("[ASSURED]" in line)
    if status:
        command += ["--status", ",".join(status)]
    if values.get("mark", ["0"])[0] != "0":
        command += ["--mark", values["mark"][0]]
    return command
