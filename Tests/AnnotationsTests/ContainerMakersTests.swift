import Annotations
import Testing

/// Docker, Podman and CNI: golden texts of real rule sets that were read line by line, and rules as the sources write
/// them.
@Suite struct ContainerMakersTests {
    @Test func dockerOfOneHost() throws {
        let rules = try Annotated(fixture: "IptablesTextTests/Fixtures/real-docker-20.10-iptables.txt")
        #expect(
            rules.golden { $0 == "filter/DOCKER-ISOLATION-STAGE-1" || $0.hasPrefix("nat/") } == """
                filter/DOCKER-ISOLATION-STAGE-1 — Docker: keeps Docker's networks apart: what leaves one of them
                    internal network 172.20.0.0/16 (br-51c4a3c3e852) takes nothing from outside
                    internal network 172.20.0.0/16 (br-51c4a3c3e852) sends nothing outside
                    what leaves bridge br-546531699e91 for another interface
                    what leaves bridge br-f239584b125e for another interface
                    what leaves bridge docker0 for another interface
                    goes on: none of the rules above
                nat/PREROUTING — -
                    Docker: published ports of containers
                nat/INPUT — -
                nat/OUTPUT — -
                    Docker: published ports of containers
                nat/POSTROUTING — -
                    Docker: this host reaches containers on bridge br-546531699e91 by the bridge's address
                    Docker: containers of 172.19.0.0/16 (br-546531699e91) leave by this host's address
                    Docker: this host reaches containers on bridge br-f239584b125e by the bridge's address
                    Docker: containers of 172.18.0.0/16 (br-f239584b125e) leave by this host's address
                    Docker: this host reaches containers on bridge docker0 by the bridge's address
                    Docker: containers of 172.17.0.0/16 (docker0) leave by this host's address
                    Docker: container 172.18.0.2 reaches itself by its published port: tcp port 443
                    Docker: container 172.18.0.2 reaches itself by its published port: tcp port 80
                    Docker: container 172.18.0.2 reaches itself by its published port: udp port 6002
                    Docker: container 172.18.0.2 reaches itself by its published port: udp port 6001
                    Docker: container 172.18.0.2 reaches itself by its published port: udp port 6000
                nat/DOCKER — Docker: published ports of containers
                    published tcp port 127.0.0.1:8443 of container 172.18.0.2:443
                    published tcp port 8080 of container 172.18.0.2:80
                    published udp port 6002 of container 172.18.0.2:6002
                    published udp port 6001 of container 172.18.0.2:6001
                    published udp port 6000 of container 172.18.0.2:6000

                """)
    }

    /// Source: moby integration/network/bridge/iptablesdoc/generated/{new-daemon,usernet-portmap,swarm-portmap}.md,
    /// v29, and the page's raw rules.
    @Test func docker29WithSwarm() throws {
        let rules = try Annotated(
            """
            *filter
            :FORWARD DROP [0:0]
            :DOCKER - [0:0]
            :DOCKER-BRIDGE - [0:0]
            :DOCKER-CT - [0:0]
            :DOCKER-FORWARD - [0:0]
            :DOCKER-INGRESS - [0:0]
            :DOCKER-INTERNAL - [0:0]
            :DOCKER-USER - [0:0]
            -A FORWARD -j DOCKER-USER
            -A FORWARD -j DOCKER-FORWARD
            -A DOCKER -d 192.0.2.2/32 ! -i bridge1 -o bridge1 -p tcp -m tcp --dport 80 -j ACCEPT
            -A DOCKER ! -i bridge1 -o bridge1 -j DROP
            -A DOCKER-BRIDGE -o bridge1 -j DOCKER
            -A DOCKER-CT -o bridge1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A DOCKER-FORWARD -j DOCKER-INGRESS
            -A DOCKER-FORWARD -j DOCKER-CT
            -A DOCKER-FORWARD -j DOCKER-INTERNAL
            -A DOCKER-FORWARD -j DOCKER-BRIDGE
            -A DOCKER-FORWARD -i bridge1 -o bridge1 -j DROP
            -A DOCKER-FORWARD -i bridge1 ! -o bridge1 -j ACCEPT
            -A DOCKER-INGRESS -p tcp -m tcp --sport 8081 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A DOCKER-INGRESS -p tcp -m tcp --dport 8081 -j ACCEPT
            -A DOCKER-INGRESS -j RETURN
            -A DOCKER-INTERNAL ! -s 198.51.100.0/24 -o br-int -j DROP
            -A DOCKER-INTERNAL ! -d 198.51.100.0/24 -i br-int -j DROP
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :DOCKER - [0:0]
            :DOCKER-INGRESS - [0:0]
            -A POSTROUTING -s 192.0.2.0/24 ! -o bridge1 -j MASQUERADE
            -A POSTROUTING -s 198.18.0.0/15 ! -o bridge9 -j MASQUERADE
            -A DOCKER ! -i bridge1 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 192.0.2.2:80
            -A DOCKER -d 127.0.0.1/32 ! -i bridge1 -p tcp -m tcp --dport 9090 -j DNAT --to-destination 192.0.2.2:90
            -A DOCKER-INGRESS -p tcp -m tcp --dport 8081 -j DNAT --to-destination 172.18.0.2:8081
            COMMIT
            *raw
            :PREROUTING ACCEPT [0:0]
            -A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 9090 -j DROP
            -A PREROUTING -d 192.0.2.2/32 ! -i bridge1 -j DROP
            -A PREROUTING -d 127.0.0.1/32 ! -i lo -p tcp -m tcp --dport 22 -j DROP
            COMMIT

            """)
        #expect(
            try rules.texts("filter/DOCKER-FORWARD") == [
                "lets published ports of swarm services in", "lets answers to containers through",
                "closes internal networks to the outside", "goes by the bridge that a packet leaves by",
                "containers on bridge bridge1 may not reach each other (icc=false)",
                "containers on bridge bridge1 may reach others",
            ])
        #expect(
            try rules.texts("filter/DOCKER") == [
                "lets tcp port 80 of container 192.0.2.2 in: published",
                "bridge bridge1: ports that are not published are closed",
            ])
        #expect(
            try rules.texts("filter/DOCKER-INGRESS") == [
                "lets answers of a swarm service's tcp from port 8081 through",
                "lets tcp port 8081 of a swarm service in",
                "goes on: none of the rules above",
            ])
        #expect(
            try rules.texts("filter/DOCKER-INTERNAL") == [
                "internal network 198.51.100.0/24 (br-int) takes nothing from outside",
                "internal network 198.51.100.0/24 (br-int) sends nothing outside",
            ])
        // A bridge of another's name is Docker's where its chains speak of it.
        #expect(
            try rules.texts("nat/POSTROUTING") == [
                "containers of 192.0.2.0/24 (bridge1) leave by this host's address", "-",
            ])
        #expect(
            try rules.texts("nat/DOCKER-INGRESS") == [
                "published tcp port 8081 of a swarm service, by the ingress network (172.18.0.2:8081)"
            ])
        #expect(
            try rules.texts("raw/PREROUTING") == [
                "published tcp port 127.0.0.1:9090 is for this host alone",
                "container 192.0.2.2 is reached from outside bridge bridge1 by its published ports only", "-",
            ])
    }

    /// Source: moby integration/network/bridge/nftablesdoc/generated/usernet-portmap.md, v29.
    @Test func dockerByNftables() throws {
        let rules = try Annotated(
            """
            table ip docker-bridges {
            \tmap filter-forward-in-jumps {
            \t\ttype ifname : verdict
            \t\telements = { "bridge1" : jump filter-forward-in__bridge1 }
            \t}
            \tchain filter-FORWARD {
            \t\ttype filter hook forward priority filter; policy accept;
            \t\toifname vmap @filter-forward-in-jumps
            \t}
            \tchain nat-PREROUTING {
            \t\ttype nat hook prerouting priority dstnat; policy accept;
            \t\tfib daddr type local counter packets 0 bytes 0 jump nat-prerouting-and-output
            \t}
            \tchain nat-prerouting-and-output {
            \t\tiifname != "bridge1" tcp dport 8080 counter packets 0 bytes 0 dnat to 192.0.2.2:80 comment "DNAT"
            \t}
            \tchain raw-PREROUTING {
            \t\ttype filter hook prerouting priority raw; policy accept;
            \t\tip daddr 192.0.2.2 iifname != "bridge1" counter packets 0 bytes 0 drop comment "DROP DIRECT ACCESS"
            \t}
            \tchain filter-forward-in__bridge1 {
            \t\tct state established,related counter packets 0 bytes 0 accept
            \t\tiifname "bridge1" counter packets 0 bytes 0 accept comment "ICC"
            \t\tip daddr 192.0.2.2 tcp dport 80 counter packets 0 bytes 0 accept
            \t\tcounter packets 0 bytes 0 drop comment "UNPUBLISHED PORT DROP"
            \t}
            \tchain filter-forward-out__bridge1 {
            \t\tct state established,related counter packets 0 bytes 0 accept
            \t\tcounter packets 0 bytes 0 accept comment "OUTGOING"
            \t}
            \tchain nat-postrouting-out__bridge1 {
            \t\toifname != "bridge1" ip saddr 192.0.2.0/24 counter packets 0 bytes 0 masquerade comment "MASQUERADE"
            \t}
            }

            """)
        #expect(
            rules.golden() == """
                docker-bridges/filter-FORWARD — Docker: what is forwarded to and from containers
                    goes by the bridge that a packet comes from or leaves by
                docker-bridges/nat-PREROUTING — Docker: published ports of containers
                    published ports of containers
                docker-bridges/nat-prerouting-and-output — Docker: published ports of containers
                    published tcp port 8080 of container 192.0.2.2:80
                docker-bridges/raw-PREROUTING — Docker: closes ways round published ports
                    container 192.0.2.2 is reached from outside bridge bridge1 by its published ports only
                docker-bridges/filter-forward-in__bridge1 — Docker: bridge bridge1: what reaches its containers
                    lets answers through
                    containers on bridge bridge1 may reach each other
                    lets tcp port 80 of container 192.0.2.2 in: published
                    bridge bridge1: ports that are not published are closed
                docker-bridges/filter-forward-out__bridge1 — Docker: bridge bridge1: what its containers send
                    lets answers through
                    containers on bridge bridge1 may reach others
                docker-bridges/nat-postrouting-out__bridge1 — Docker: bridge bridge1: by which address its containers leave
                    containers of 192.0.2.0/24 (bridge1) leave by this host's address

                """)
        #expect(
            rules.rules.purpose(ofSet: "filter-forward-in-jumps", table: "docker-bridges")?.text
                == "the bridges that packets leave by")
    }

    @Test func podmansNetworksHaveTheirNames() throws {
        let rules = try Annotated(fixture: "IptablesTextTests/Fixtures/real-podman-netavark-1.4-iptables.txt")
        #expect(
            try rules.purpose("nat/NETAVARK-49F5F25AFA1BC")
                == "Podman (netavark): by which address containers leave network frontend")
        #expect(
            try rules.texts("nat/NETAVARK-HOSTPORT-DNAT").first
                == "published tcp port 8080 of container 6ce776ea58b5 on network podman")
        #expect(
            try rules.texts("nat/NETAVARK-DN-1D8721804F16F").suffix(4) == [
                "published udp port 192.0.2.10:5353 of container 10.88.0.2:53",
                "marks what comes from 10.88.0.0/16 to published tcp ports 9000-9010 for masquerading",
                "marks what comes from 127.0.0.1 to published tcp ports 9000-9010 for masquerading",
                "published tcp ports 9000-9010 of container 10.88.0.2:9000-9010",
            ])
    }

    /// Source: containers/netavark src/firewall/nft.rs, v1.16.
    @Test func podmanByNft() throws {
        let rules = try Annotated(
            """
            table inet netavark {
            \tchain INPUT {
            \t\ttype filter hook input priority filter; policy accept;
            \t\tip saddr 10.88.0.0/16 meta l4proto { tcp, udp } th dport 53 accept
            \t}
            \tchain FORWARD {
            \t\ttype filter hook forward priority filter; policy accept;
            \t\tct state invalid drop
            \t\tjump NETAVARK-ISOLATION-1
            \t\tip daddr 10.88.0.0/16 ct state established,related accept
            \t\tip saddr 10.88.0.0/16 accept
            \t}
            \tchain POSTROUTING {
            \t\ttype nat hook postrouting priority srcnat; policy accept;
            \t\tmeta mark & 0x00002000 == 0x00002000 masquerade
            \t\tip saddr 10.88.0.0/16 jump nv_2f259bab_10_88_0_0_nm16
            \t}
            \tchain NETAVARK-HOSTPORT-DNAT {
            \t\ttcp dport 8080 jump nv_2f259bab_10_88_0_0_nm16_dnat
            \t}
            \tchain NETAVARK-HOSTPORT-SETMARK {
            \t\tmeta mark set meta mark | 0x00002000
            \t}
            \tchain NETAVARK-ISOLATION-1 {
            \t\tiifname "podman1" oifname != "podman1" jump NETAVARK-ISOLATION-2
            \t}
            \tchain NETAVARK-ISOLATION-2 {
            \t\toifname "podman1" drop
            \t}
            \tchain nv_2f259bab_10_88_0_0_nm16 {
            \t\tip daddr 10.88.0.0/16 accept
            \t\tip daddr != 224.0.0.0/4 masquerade
            \t}
            \tchain nv_2f259bab_10_88_0_0_nm16_dnat {
            \t\tip saddr 10.88.0.0/16 tcp dport 8080 jump NETAVARK-HOSTPORT-SETMARK
            \t\ttcp dport 8080 dnat ip to 10.88.0.2:80
            \t}
            \tchain nv_aaaaaaaa_fd10-88--_nm64 {
            \t}
            }

            """)
        #expect(
            rules.golden() == """
                netavark/INPUT — Podman (netavark): lets containers ask Podman's name server
                    containers of 10.88.0.0/16 may ask Podman's name server
                netavark/FORWARD — Podman (netavark): what is forwarded to and from containers
                    drops what conntrack calls invalid
                    keeps isolated networks apart: what leaves one of them
                    lets answers to containers of 10.88.0.0/16 through
                    containers of 10.88.0.0/16 may reach others
                netavark/POSTROUTING — Podman (netavark): by which address containers leave their network
                    masquerades what was marked
                    by which address containers leave network 10.88.0.0/16
                netavark/NETAVARK-HOSTPORT-DNAT — Podman (netavark): published ports of containers
                    published tcp port 8080
                netavark/NETAVARK-HOSTPORT-SETMARK — Podman (netavark): marks what is to be masqueraded on its way to a published port
                    marks the connection for masquerading
                netavark/NETAVARK-ISOLATION-1 — Podman (netavark): keeps isolated networks apart: what leaves one of them
                    what leaves bridge podman1 for another interface
                netavark/NETAVARK-ISOLATION-2 — Podman (netavark): keeps isolated networks apart: what would enter another
                    bridge podman1 takes nothing from an isolated network
                netavark/nv_2f259bab_10_88_0_0_nm16 — Podman (netavark): by which address containers leave network 10.88.0.0/16
                    within 10.88.0.0/16 containers keep their own address
                    containers leave by this host's address
                netavark/nv_2f259bab_10_88_0_0_nm16_dnat — Podman (netavark): published ports of containers on network 10.88.0.0/16
                    marks what comes from 10.88.0.0/16 to published tcp port 8080 for masquerading
                    published tcp port 8080 of container 10.88.0.2:80
                netavark/nv_aaaaaaaa_fd10-88--_nm64 — Podman (netavark): by which address containers leave network fd10:88::/64

                """)
    }

    /// Source: containernetworking/plugins plugins/meta/portmap/portmap_iptables.go, pkg/ip/ipmasq_iptables_linux.go,
    /// plugins/meta/firewall/iptables.go, v1.6.
    @Test func cniNamesContainersAndNetworks() throws {
        let id = "4b2c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a"
        let rules = try Annotated(
            """
            *filter
            :FORWARD ACCEPT [0:0]
            :CNI-ADMIN - [0:0]
            :CNI-FORWARD - [0:0]
            :CNI-ISOLATION-STAGE-1 - [0:0]
            :CNI-ISOLATION-STAGE-2 - [0:0]
            -A FORWARD -m comment --comment "CNI firewall plugin rules" -j CNI-FORWARD
            -A CNI-FORWARD -m comment --comment "CNI firewall plugin admin overrides" -j CNI-ADMIN
            -A CNI-FORWARD -d 10.88.0.3/32 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
            -A CNI-FORWARD -s 10.88.0.3/32 -j ACCEPT
            -A CNI-ISOLATION-STAGE-1 -i nerdctl0 ! -o nerdctl0 -j CNI-ISOLATION-STAGE-2
            -A CNI-ISOLATION-STAGE-2 -o nerdctl0 -j DROP
            COMMIT
            *nat
            :PREROUTING ACCEPT [0:0]
            :POSTROUTING ACCEPT [0:0]
            :CNI-HOSTPORT-DNAT - [0:0]
            :CNI-HOSTPORT-MASQ - [0:0]
            :CNI-HOSTPORT-SETMARK - [0:0]
            :CNI-DN-f1a2b3c4d5e6f708192a3 - [0:0]
            :CNI-f1a2b3c4d5e6f708192a3b4c - [0:0]
            -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
            -A POSTROUTING -s 10.244.1.7/32 -m comment --comment "name: \\"cbr0\\" id: \\"\(id)\\"" -j CNI-f1a2b3c4d5e6f708192a3b4c
            -A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \\"cbr0\\" id: \\"\(id)\\"" -m multiport --dports 80,443 -j CNI-DN-f1a2b3c4d5e6f708192a3
            -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
            -A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark 0x2000/0x2000
            -A CNI-DN-f1a2b3c4d5e6f708192a3 -s 10.244.1.0/24 -p tcp -m tcp --dport 80 -j CNI-HOSTPORT-SETMARK
            -A CNI-DN-f1a2b3c4d5e6f708192a3 -d 192.0.2.10/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.7:8080
            -A CNI-f1a2b3c4d5e6f708192a3b4c -d 10.244.1.0/24 -m comment --comment "name: \\"cbr0\\" id: \\"\(id)\\"" -j ACCEPT
            -A CNI-f1a2b3c4d5e6f708192a3b4c ! -d 224.0.0.0/4 -m comment --comment "name: \\"cbr0\\" id: \\"\(id)\\"" -j MASQUERADE
            COMMIT

            """)
        #expect(
            rules.golden { $0.contains("CNI") || $0 == "nat/POSTROUTING" } == """
                filter/CNI-ADMIN — CNI bridge and firewall: rules of the operator's own, asked before CNI's
                filter/CNI-FORWARD — CNI bridge and firewall: lets packets of containers through
                    rules of the operator's own, asked before CNI's
                    lets answers to container 10.88.0.3 through
                    lets what container 10.88.0.3 sends through
                filter/CNI-ISOLATION-STAGE-1 — CNI bridge and firewall: keeps bridges apart: what leaves one of them
                    what leaves bridge nerdctl0 for another interface
                filter/CNI-ISOLATION-STAGE-2 — CNI bridge and firewall: keeps bridges apart: what would enter another
                    bridge nerdctl0 takes nothing from another bridge
                nat/POSTROUTING — -
                    CNI bridge and firewall: by which address container 4b2c6d7e8f90 on network cbr0 leaves its network
                nat/CNI-HOSTPORT-DNAT — CNI portmap: host ports of containers
                    host tcp ports 80, 443 of container 4b2c6d7e8f90 on network cbr0
                nat/CNI-HOSTPORT-MASQ — CNI portmap: masquerades what reaches a host port from its own node or container
                    masquerades what was marked
                nat/CNI-HOSTPORT-SETMARK — CNI portmap: marks what is to be masqueraded on its way to a host port
                    marks the connection for masquerading
                nat/CNI-DN-f1a2b3c4d5e6f708192a3 — CNI portmap: host ports of container 4b2c6d7e8f90 on network cbr0
                    marks what comes from 10.244.1.0/24 to host tcp port 80 for masquerading
                    host tcp port 192.0.2.10:80 of container 10.244.1.7:8080
                nat/CNI-f1a2b3c4d5e6f708192a3b4c — CNI bridge and firewall: by which address container 4b2c6d7e8f90 on network cbr0 leaves its network
                    within its network the container keeps its own address
                    container 4b2c6d7e8f90 on network cbr0 leaves its network by this host's address

                """)
    }

    /// Source: containernetworking/plugins plugins/meta/portmap/portmap_nftables.go, pkg/ip/ipmasq_nftables_linux.go,
    /// v1.6.
    @Test func cniByNft() throws {
        let rules = try Annotated(
            """
            table ip cni_hostport {
            \tcomment "CNI portmap plugin"
            \tchain hostports {
            \t\ttcp dport 8080 dnat to 10.244.1.7:80 comment "4b2c6d7e8f90a1b2"
            \t}
            \tchain prerouting {
            \t\ttype nat hook prerouting priority dstnat; policy accept;
            \t\tjump hostports
            \t}
            \tchain masquerading {
            \t\ttype nat hook postrouting priority srcnat; policy accept;
            \t\tip saddr 10.244.1.7 ip daddr 10.244.1.7 masquerade comment "4b2c6d7e8f90a1b2"
            \t\tip saddr 127.0.0.1 ip daddr 10.244.1.7 masquerade comment "4b2c6d7e8f90a1b2"
            \t}
            }
            table inet cni_plugins_masquerade {
            \tchain masq_checks {
            \t\tip saddr 10.244.1.7 ip daddr != 10.244.1.0/24 masquerade comment "aaaa-bbbb, net: cbr0, if: eth0, id: 4b2c6d7e8f90a1b2"
            \t}
            \tchain postrouting {
            \t\ttype nat hook postrouting priority srcnat; policy accept;
            \t\tip daddr 224.0.0.0/4 return
            \t\tgoto masq_checks
            \t}
            }

            """)
        #expect(
            rules.golden() == """
                cni_hostport/hostports — CNI portmap: host ports of containers
                    host tcp port 8080 of container 10.244.1.7:80
                cni_hostport/prerouting — CNI portmap: host ports of containers
                    host ports of containers
                cni_hostport/masquerading — CNI portmap: masquerades what reaches a host port from its own node or container
                    container 10.244.1.7 reaches itself by its host port
                    this node reaches container 10.244.1.7 by its host port
                cni_plugins_masquerade/masq_checks — CNI bridge and firewall: by which address containers leave their network
                    container 4b2c6d7e8f90 on network cbr0 leaves its network by this host's address
                cni_plugins_masquerade/postrouting — CNI bridge and firewall: by which address containers leave their network
                    leaves multicast as it is
                    by which address containers leave their network

                """)
    }
}
