import Annotations
import Testing

/// Firewalls of a host, virtual machines and tunnels.
@Suite struct HostMakersTests {
    @Test func firewalldTellsZonesAndPolicies() throws {
        let rules = try Annotated(fixture: "NftablesTests/Fixtures/real-firewalld-1.3.3-nft.txt")
        let wanted = [
            "filter_INPUT", "filter_INPUT_ZONES", "filter_IN_public", "filter_IN_public_deny", "filter_IN_public_allow",
            "nat_POST_public_allow", "nat_PRE_public_allow", "filter_IN_policy_allow-host-ipv6_allow",
            "filter_IN_trusted",
        ]
        #expect(
            rules.golden { wanted.contains(String($0.dropFirst("firewalld/".count))) } == """
                firewalld/filter_INPUT — firewalld: firewalld's rules at this hook
                    lets answers through
                    lets through what was forwarded to a port
                    lets what stays on this host through
                    drops what conntrack calls invalid
                    finds the zone that a packet is in
                    refuses what no zone took
                firewalld/filter_INPUT_ZONES — firewalld: finds the zone that a packet is in
                    198.51.100.0/24 is in zone dmz
                    interface x0 is in zone trusted
                    interface eth0 is in zone public
                    everything else is in zone public, the default
                firewalld/filter_IN_public — firewalld: zone public: what comes to this host
                    policies that are asked before the zone
                    zone public: rich rules of negative priority
                    zone public: what is logged
                    zone public: what is refused
                    zone public: services and ports that are open
                    zone public: rich rules of positive priority
                    policies that are asked after the zone
                    zone public: lets ICMP in
                    zone public: refuses the rest
                firewalld/filter_IN_public_deny — firewalld: zone public: what is refused
                    zone public: refuses tcp port 22 from 203.0.113.0/24
                    zone public: refuses ICMP redirects
                    zone public: refuses ICMPv6 redirects
                firewalld/filter_IN_public_allow — firewalld: zone public: services and ports that are open
                    zone public: lets tcp port 22 in
                    zone public: lets udp port 546 to fe80::/64 in
                    zone public: lets tcp port 80 in
                    zone public: lets tcp ports 8000-8100 in
                firewalld/nat_POST_public_allow — firewalld: zone public: masquerading
                    zone public: what leaves takes this host's address
                firewalld/nat_PRE_public_allow — firewalld: zone public: ports that are forwarded
                    zone public: forwards tcp port 2222 to 10.1.0.5:22
                firewalld/filter_IN_policy_allow-host-ipv6_allow — firewalld: policy allow-host-ipv6: services and ports that are open
                    policy allow-host-ipv6: lets ICMPv6 neighbour discovery in
                    policy allow-host-ipv6: lets ICMPv6 neighbour discovery in
                    policy allow-host-ipv6: lets ICMPv6 router discovery in
                    policy allow-host-ipv6: lets ICMPv6 redirects in
                firewalld/filter_IN_trusted — firewalld: zone trusted: what comes to this host
                    policies that are asked before the zone
                    zone trusted: rich rules of negative priority
                    zone trusted: what is logged
                    zone trusted: what is refused
                    zone trusted: services and ports that are open
                    zone trusted: rich rules of positive priority
                    policies that are asked after the zone
                    zone trusted: lets the rest through

                """)
    }

    /// Source: firewalld src/firewall/core/ipXtables.py, v0.8 (FWDI, FWDO) and v1.3.
    @Test func firewalldByIptables() throws {
        let rules = try Annotated(
            """
            *filter
            :INPUT ACCEPT [0:0]
            :INPUT_direct - [0:0]
            :INPUT_ZONES - [0:0]
            :IN_public - [0:0]
            :IN_public_allow - [0:0]
            :IN_home_log - [0:0]
            :FWDI_public - [0:0]
            -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT
            -A INPUT -j INPUT_direct
            -A INPUT -j INPUT_ZONES
            -A INPUT_ZONES -i eth0 -g IN_public
            -A INPUT_ZONES -g IN_public
            -A IN_public -j IN_public_allow
            -A IN_public -p icmp -j ACCEPT
            -A IN_public_allow -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW,UNTRACKED -j ACCEPT
            COMMIT

            """)
        #expect(
            rules.golden() == """
                filter/INPUT — -
                    -
                    firewalld: rules of the operator's own (direct rules)
                    firewalld: finds the zone that a packet is in
                filter/INPUT_direct — firewalld: rules of the operator's own (direct rules)
                filter/INPUT_ZONES — firewalld: finds the zone that a packet is in
                    interface eth0 is in zone public
                    everything else is in zone public, the default
                filter/IN_public — firewalld: zone public: what comes to this host
                    zone public: services and ports that are open
                    zone public: lets ICMP in
                filter/IN_public_allow — firewalld: zone public: services and ports that are open
                    zone public: lets tcp port 22 in
                filter/IN_home_log — firewalld: zone home_log: what comes to this host
                filter/FWDI_public — firewalld: zone public: what comes from there and is forwarded

                """)
    }

    @Test func ufwTellsRulesAsTheyAreGiven() throws {
        let rules = try Annotated(fixture: "IptablesTextTests/Fixtures/real-ufw-0.36.2-iptables.txt")
        #expect(
            rules.golden { $0.contains("user") || $0.hasSuffix("ufw-after-input") || $0.contains("skip-to") } == """
                filter/ufw-after-input — ufw: ufw's own rules for what comes in, asked after the user's (after.rules)
                    udp port 137: to the default, without a line in the log
                    udp port 138: to the default, without a line in the log
                    tcp port 139: to the default, without a line in the log
                    tcp port 445: to the default, without a line in the log
                    udp port 67: to the default, without a line in the log
                    udp port 68: to the default, without a line in the log
                    broadcasts: to the default, without a line in the log
                filter/ufw-skip-to-policy-forward — ufw: the default for what is forwarded
                    the default is to refuse
                filter/ufw-skip-to-policy-input — ufw: the default for what comes in
                    the default is to refuse
                filter/ufw-skip-to-policy-output — ufw: the default for what goes out
                    the default is to allow
                filter/ufw-user-forward — ufw: the user's rules for what is forwarded
                    user rule: allow everything to 10.1.0.0/16 in by eth0 out by x0
                filter/ufw-user-input — ufw: the user's rules for what comes in
                    user rule: allow tcp port 22
                    user rule: limit tcp port 2222: counts who comes
                    user rule: limit tcp port 2222: refuses who comes too often
                    user rule: limit tcp port 2222: lets others in
                    user rule: allow tcp port 443 from 10.0.0.0/8
                    user rule: deny everything from 203.0.113.0/24
                    user rule: allow udp ports 60000-61000
                filter/ufw-user-limit — ufw: refuses who comes too often
                    a line in the log
                    refuses who comes too often
                filter/ufw-user-limit-accept — ufw: lets in who does not come too often
                    lets it in
                filter/ufw-user-logging-forward — ufw: logs what the user's rules for what is forwarded ask to log
                filter/ufw-user-logging-input — ufw: logs what the user's rules for what comes in ask to log
                filter/ufw-user-logging-output — ufw: logs what the user's rules for what goes out ask to log
                filter/ufw-user-output — ufw: the user's rules for what goes out
                    user rule: reject tcp port 25

                """)
    }

    @Test func fail2banNamesItsJails() throws {
        let rules = try Annotated(fixture: "IptablesTextTests/Fixtures/real-fail2ban-1.0.2-iptables.txt")
        #expect(
            rules.golden { !$0.hasSuffix("OUTPUT") && !$0.hasSuffix("FORWARD") } == """
                filter/INPUT — -
                    fail2ban: jail nginx-http-auth: its banned addresses reach tcp ports 80, 443 no more
                    fail2ban: jail recidive: addresses banned
                    fail2ban: jail sshd: addresses banned
                    -
                    -
                    -
                    -
                filter/f2b-recidive — fail2ban: jail recidive: addresses banned
                    jail recidive: 203.0.113.99 is banned
                    jail recidive: nobody else is banned
                filter/f2b-sshd — fail2ban: jail sshd: addresses banned
                    jail sshd: 198.51.100.77 is banned
                    jail sshd: 203.0.113.6 is banned
                    jail sshd: 203.0.113.5 is banned
                    jail sshd: nobody else is banned

                """)
        #expect(rules.rules.purpose(ofSet: "f2b-sshd")?.text == "jail sshd: addresses banned")
        #expect(rules.rules.purpose(ofSet: "f2b-sshd6", isV6: true)?.text == "jail sshd: addresses banned")
    }

    /// Source: fail2ban config/action.d/nftables.conf, 1.1.
    @Test func fail2banByNft() throws {
        let rules = try Annotated(
            """
            table inet f2b-table {
            \tset addr-set-sshd {
            \t\ttype ipv4_addr
            \t\tflags interval
            \t\telements = { 203.0.113.5 }
            \t}
            \tchain f2b-chain {
            \t\ttype filter hook input priority filter - 1; policy accept;
            \t\ttcp dport 22 ip saddr @addr-set-sshd reject
            \t}
            }

            """)
        #expect(
            rules.golden() == """
                f2b-table/f2b-chain — fail2ban: addresses that jails banned
                    jail sshd: its banned addresses reach tcp port 22 no more

                """)
        #expect(
            rules.rules.purpose(ofSet: "addr-set-sshd", table: "f2b-table")?.text == "jail sshd: addresses banned")
    }

    @Test func openWrtTellsZones() throws {
        let rules = try Annotated(fixture: "NftablesTests/Fixtures/real-openwrt-fw4-nft.txt")
        #expect(
            rules.golden {
                ["fw4/input", "fw4/forward_lan", "fw4/accept_to_wan", "fw4/reject_from_wan", "fw4/srcnat_wan"].contains(
                    $0)
            } == """
                fw4/input — OpenWrt's firewall: OpenWrt's rules at this hook
                    accept traffic from loopback
                    allow inbound established and related flows
                    rate limit TCP syn packets
                    zone lan (vpn, br-lan): what comes to this host
                    zone wan (wan0): what comes to this host
                    refuses with an answer
                fw4/forward_lan — OpenWrt's firewall: zone lan: what comes from there and is forwarded
                    accept lan to wan forwarding
                    zone lan: lets out what goes there
                fw4/accept_to_wan — OpenWrt's firewall: zone wan: lets out what goes there
                    prevent NAT leakage
                    accept wan IPv4/IPv6 traffic
                fw4/reject_from_wan — OpenWrt's firewall: zone wan: refuses what comes from there
                    reject wan IPv4/IPv6 traffic
                fw4/srcnat_wan — OpenWrt's firewall: zone wan: by which address packets leave
                    masquerade IPv4 wan traffic

                """)
        #expect(
            try rules.texts("fw4/input_wan").prefix(2) == [
                "zone wan: rule Allow-DHCP-Renew (udp port 68)", "zone wan: rule Allow-Ping (ICMP echo requests)",
            ])
    }

    /// Source: openwrt/firewall3 zones.c and defaults.c (2021).
    @Test func openWrtByIptables() throws {
        let rules = try Annotated(
            """
            *filter
            :INPUT ACCEPT [0:0]
            :input_rule - [0:0]
            :input_wan_rule - [0:0]
            :reject - [0:0]
            :syn_flood - [0:0]
            :zone_wan_input - [0:0]
            :zone_wan_src_REJECT - [0:0]
            -A INPUT -i lo -m comment --comment "!fw3" -j ACCEPT
            -A INPUT -m comment --comment "!fw3: Custom input rule chain" -j input_rule
            -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -m comment --comment "!fw3" -j ACCEPT
            -A INPUT -i eth1 -m comment --comment "!fw3" -j zone_wan_input
            -A reject -p tcp -m comment --comment "!fw3" -j REJECT --reject-with tcp-reset
            -A zone_wan_input -p udp -m udp --dport 68 -m comment --comment "!fw3: Allow-DHCP-Renew" -j ACCEPT
            -A zone_wan_input -m comment --comment "!fw3" -j zone_wan_src_REJECT
            -A zone_wan_src_REJECT -i eth1 -m comment --comment "!fw3" -j reject
            COMMIT

            """)
        #expect(
            rules.golden() == """
                filter/INPUT — -
                    OpenWrt's firewall: lets what stays on this host through
                    OpenWrt's firewall: custom input rule chain
                    OpenWrt's firewall: lets answers through
                    OpenWrt's firewall: zone wan (eth1): what comes to this host
                filter/input_rule — OpenWrt's firewall: rules of the operator's own
                filter/input_wan_rule — OpenWrt's firewall: rules of the operator's own for zone wan: what comes to this host
                filter/reject — OpenWrt's firewall: refuses with an answer
                    refuses it
                filter/syn_flood — OpenWrt's firewall: drops new TCP connections above a rate
                filter/zone_wan_input — OpenWrt's firewall: zone wan: what comes to this host
                    zone wan: rule Allow-DHCP-Renew (udp port 68)
                    zone wan: refuses what comes from there
                filter/zone_wan_src_REJECT — OpenWrt's firewall: zone wan: refuses what comes from there
                    refuses with an answer

                """)
    }

    /// Source: tailscale util/linuxfw/iptables_runner.go, v1.80.
    @Test func tailscale() throws {
        let server = try Annotated(
            fixture: "IptablesTextTests/Fixtures/real-tailscale-docker28-ufw-iptables-S-partial.txt")
        #expect(
            try server.texts("filter/ts-input") == [
                "lets this host reach itself by its address in the tailnet",
                "leaves 100.115.92.0/23 to others (ChromeOS uses it)",
                "drops addresses of the tailnet (100.64.0.0/10) that come from elsewhere",
                "lets in what comes from the tailnet",
                "lets in what other nodes of the tailnet send to udp port 41641 (WireGuard)",
            ])
        let rules = try Annotated(
            """
            *filter
            :ts-forward - [0:0]
            -A ts-forward -i tailscale0 -j MARK --set-xmark 0x40000/0xff0000
            -A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT
            -A ts-forward -o tailscale0 -m conntrack ! --ctstate RELATED,ESTABLISHED -j DROP
            -A ts-forward -o tailscale0 -j ACCEPT
            COMMIT
            *nat
            :ts-postrouting - [0:0]
            -A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE
            COMMIT

            """)
        #expect(
            try rules.texts("filter/ts-forward") == [
                "marks what comes from the tailnet", "lets what comes from the tailnet through",
                "drops new connections from others into the tailnet", "lets what goes to the tailnet through",
            ])
        #expect(
            try rules.texts("nat/ts-postrouting") == ["what comes from the tailnet leaves by this host's address"])
    }

    /// Source: libvirt src/network/network_nftables.c, v10.4, src/nwfilter/nwfilter_ebiptables_driver.c.
    @Test func libvirtByNftAndItsFilters() throws {
        let rules = try Annotated(
            """
            table ip libvirt_network {
            \tchain forward {
            \t\ttype filter hook forward priority filter; policy accept;
            \t\tcounter packets 0 bytes 0 jump guest_cross
            \t\tcounter packets 0 bytes 0 jump guest_input
            \t\tcounter packets 0 bytes 0 jump guest_output
            \t}
            \tchain guest_output {
            \t\tip saddr 192.168.122.0/24 iif "virbr0" counter packets 0 bytes 0 accept
            \t\tiif "virbr0" counter packets 0 bytes 0 reject
            \t}
            \tchain guest_input {
            \t\toif "virbr0" ip daddr 192.168.122.0/24 ct state established,related counter packets 0 bytes 0 accept
            \t\toif "virbr0" counter packets 0 bytes 0 reject
            \t}
            \tchain guest_cross {
            \t\tiif "virbr0" oif "virbr0" counter packets 0 bytes 0 accept
            \t}
            \tchain guest_nat {
            \t\ttype nat hook postrouting priority srcnat; policy accept;
            \t\tip saddr 192.168.122.0/24 ip daddr 224.0.0.0/24 counter packets 0 bytes 0 return
            \t\tip saddr 192.168.122.0/24 ip daddr != 192.168.122.0/24 counter packets 0 bytes 0 masquerade
            \t}
            }

            """)
        #expect(
            rules.golden() == """
                libvirt_network/forward — libvirt: what is forwarded to and from virtual networks
                    what guests of one virtual network send each other
                    what comes to virtual networks from outside
                    what virtual networks send outside
                libvirt_network/guest_output — libvirt: what virtual networks send outside
                    network virbr0 (192.168.122.0/24): guests may reach others
                    network virbr0: nothing else goes out
                libvirt_network/guest_input — libvirt: what comes to virtual networks from outside
                    network virbr0 (192.168.122.0/24): answers come in
                    network virbr0: nothing else comes in
                libvirt_network/guest_cross — libvirt: what guests of one virtual network send each other
                    network virbr0: guests may reach each other
                libvirt_network/guest_nat — libvirt: by which address guests leave their network
                    what guests send to 224.0.0.0/24 keeps its address
                    guests of 192.168.122.0/24 leave by this host's address

                """)
        let filters = try Annotated(
            """
            *filter
            :FORWARD ACCEPT [0:0]
            :libvirt-in - [0:0]
            :FI-vnet0 - [0:0]
            -A FORWARD -j libvirt-in
            -A libvirt-in -m physdev --physdev-in vnet0 -g FI-vnet0
            -A FI-vnet0 -p tcp -m tcp --sport 22 -m conntrack --ctstate ESTABLISHED -j RETURN
            -A FI-vnet0 -j DROP
            COMMIT

            """)
        #expect(
            filters.golden { $0 != "filter/FORWARD" } == """
                filter/libvirt-in — libvirt: filters of guests: what guests send
                    filter of guest vnet0: what it sends
                filter/FI-vnet0 — libvirt: filter of guest vnet0: what it sends
                    filter of guest vnet0: what it sends: tcp from port 22 is allowed
                    filter of guest vnet0: what it sends: it is refused

                """)
    }

    @Test func openStackTellsPortsAndGroups() throws {
        let rules = try Annotated(fixture: "IptablesTextTests/Fixtures/real-openstack-neutron-ovs-iptables.txt")
        #expect(
            rules.golden { $0.hasSuffix("0695f2ca-b") || $0 == "raw/neutron-openvswi-PREROUTING" } == """
                raw/neutron-openvswi-PREROUTING — OpenStack: rules of the Open vSwitch agent at this hook
                    qvb0695f2ca-bf: its connections are tracked in zone 1
                    tap0695f2ca-bf: its connections are tracked in zone 1
                    qvb839737e6-15: its connections are tracked in zone 2
                    tap839737e6-15: its connections are tracked in zone 2
                filter/neutron-openvswi-i0695f2ca-b — OpenStack: port 0695f2ca-b…: security groups for what goes to the virtual machine
                    port 0695f2ca-b…: lets answers through
                    port 0695f2ca-b…: a security group allows udp port 68 from 172.24.220.3
                    port 0695f2ca-b…: a security group allows udp port 68 from 172.24.220.2
                    port 0695f2ca-b…: a security group allows tcp port 22
                    port 0695f2ca-b…: a security group allows everything from members of a security group
                    port 0695f2ca-b…: drops what conntrack calls invalid
                    port 0695f2ca-b…: drops what no security group allows
                filter/neutron-openvswi-o0695f2ca-b — OpenStack: port 0695f2ca-b…: security groups for what the virtual machine sends
                    port 0695f2ca-b…: may ask for an address (DHCP)
                    port 0695f2ca-b…: may the virtual machine send from this address?
                    port 0695f2ca-b…: may ask for an address (DHCP)
                    port 0695f2ca-b…: may not give out addresses (DHCP)
                    port 0695f2ca-b…: lets answers through
                    port 0695f2ca-b…: a security group allows everything
                    port 0695f2ca-b…: drops what conntrack calls invalid
                    port 0695f2ca-b…: drops what no security group allows
                filter/neutron-openvswi-s0695f2ca-b — OpenStack: port 0695f2ca-b…: addresses that the virtual machine may send from
                    port 0695f2ca-b…: may send from 172.24.220.12
                    port 0695f2ca-b…: drops what comes from an address not its own

                """)
    }
}
