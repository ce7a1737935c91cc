internal import SourceText

/// The port of a service that people name in rules written by hand; iptables-save writes numbers.
/// Source: `/etc/services` of netbase 6.4.
func portOfService(_ name: Span<UInt8>) -> UInt16? {
    for service in services where name.equals(service.name) { return service.port }
    return nil
}

private let services: [(name: StaticString, port: UInt16)] = [
    ("ftp-data", 20), ("ftp", 21), ("ssh", 22), ("telnet", 23), ("smtp", 25), ("time", 37), ("domain", 53),
    ("bootps", 67), ("bootpc", 68), ("tftp", 69), ("http", 80), ("www", 80), ("kerberos", 88), ("pop3", 110),
    ("sunrpc", 111), ("auth", 113), ("nntp", 119), ("ntp", 123), ("netbios-ns", 137), ("netbios-dgm", 138),
    ("netbios-ssn", 139), ("imap2", 143), ("imap", 143), ("snmp", 161), ("snmp-trap", 162), ("bgp", 179),
    ("irc", 194), ("ldap", 389), ("https", 443), ("microsoft-ds", 445), ("submissions", 465), ("isakmp", 500),
    ("syslog", 514), ("printer", 515), ("router", 520), ("dhcpv6-client", 546), ("dhcpv6-server", 547),
    ("rtsp", 554), ("ipp", 631), ("ldaps", 636), ("domain-s", 853), ("rsync", 873), ("ftps", 990),
    ("imaps", 993), ("pop3s", 995), ("socks", 1080), ("openvpn", 1194), ("ms-sql-s", 1433), ("l2f", 1701),
    ("radius", 1812), ("radius-acct", 1813), ("nfs", 2049), ("git", 9418), ("iscsi-target", 3260), ("mysql", 3306),
    ("ms-wbt-server", 3389), ("submission", 587), ("ipsec-nat-t", 4500), ("sip", 5060), ("sips", 5061),
    ("mdns", 5353), ("postgresql", 5432), ("x11", 6000), ("http-alt", 8080),
]
