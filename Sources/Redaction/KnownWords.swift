/// Words that tell nothing of a host, since they are the tools' own: keywords, names that the kernel, Kubernetes, Calico
/// and Docker give, and what stands in their remarks. Every other word is taken for a name and replaced.
///
/// These are the words of this program's readers, and beside them what the tools print that is not read.
let knownWords: Set<String> = Set(knownText.split { $0 == " " || $0 == "\n" }.map(String.init))

private let knownText = """
    1Q 8021ad 8021q A ABORT ACCEPT ACK ADMIN AF11 AF12 AF13 AF21 AF22 AF23 AF31 AF32 AF33 AF41 AF42 AF43 ALL
    ALLMULTI ANYCAST ARP ASCONF ASCONF_ACK ASSURED AUDIT AUTOMEDIA AWS Accept Active ActiveConn Address Allow Apr
    Aug B BACK BALANCER BE BLACKHOLE BPF BRIDGE BRIDGE_BINDING BROADCAST Bcast Bridge C CANARY CARRIER CHECK
    CHECKSUM CIDR CILIUM_FORWARD CILIUM_INPUT CILIUM_OUTPUT CILIUM_OUTPUT_nat CILIUM_OUTPUT_raw CILIUM_POST
    CILIUM_POST_mangle CILIUM_POST_nat CILIUM_PRE CILIUM_PRE_mangle CILIUM_PRE_nat CILIUM_PRE_raw CLASSIFY CLOSE
    CLOSED CLOSEREQ CLOSE_WAIT CLOSING CLUSTER CLUSTERIP CNI COMM COMMIT CONFIRMED CONNMARK CONNSECMARK COOKIE_ACK
    COOKIE_ECHO COOKIE_ECHOED COOKIE_WAIT CS0 CS1 CS2 CS3 CS4 CS5 CS6 CS7 CT Chain Completed Configured Cost D DATA
    DATAACK DEBUG DEFAULT DELAY DN DNAT DNPT DOCKER DORMANT DOWN DROP DSCP DST DYNAMIC Dec Default
    DefaultEndpointToHostAction Delay Deny Destination Drop E ECHO ECN ECN_CWR ECN_ECNE EF ENCAP ERROR ESTABLISHED
    EXPECTED EXT EXTERNAL End F FAILED FILTER FIN FIN_WAIT FIREWALL FLANNEL FORWARD FORWARD_TSN FW FWD FWM Feb Flag
    Flags Forward Fri Friday G GATE GVRP Generated Genmask HASH HEALTH HEARTBEAT HEARTBEAT_ACK HEARTBEAT_ACKED
    HEARTBEAT_SENT HINT HL HMARK HOSTPORT HW_OFFLOAD HWaddr Header Host I IDLETIMER IGNORE INCOMPLETE INGRESS INIT
    INIT_ACK INPUT INVAL INVALID IP IPIP IPS IPTABLES IPVS IPinIP IPsec IPv4 IPv6 ISOLATION ISTIO ISTIO_INBOUND
    ISTIO_IN_REDIRECT ISTIO_OUTPUT ISTIO_REDIRECT I_DATA I_FORWARD_TSN Iface InActConn Internet Iptables JSON Jan
    Jul Jun KUBE KUBELET Kbit Kernel LAST_ACK LED LIBVIRT LIBVIRT_FWI LIBVIRT_FWO LIBVIRT_FWX LIBVIRT_INP
    LIBVIRT_OUT LIBVIRT_PRT LISTEN LOAD LOCAL LOG LOOP LOOPBACK LOOSE_BINDING LOWERLAYERDOWN LOWER_UP Link Local
    LocalAddress MARK MASQ MASQUERADE MASTER MSS MTU MULTICAST MVRP Main Mar Mask Masq Maximize May Mbit Members
    Metric Minimize Mon Monday N NAT NETAVARK NETMAP NEW NFLOG NFQUEUE NO NOARP NODE NODEPORT NODEPORTS NODES NONE
    NOTE NOTPRESENT NOTRACK NOTRAILERS Name Netid NetworkManager Normal Nov Number OFFLOAD OLD_CILIUM OPEN ORIGINAL
    OUT OUTPUT Oct Open Operation P PAD PARTOPEN PERMANENT PID POD POINTOPOINT PORT PORTSEL POSTROUTING POSTRTG
    PREEMPT_DYNAMIC PREROUTING PROBE PROHIBIT PROMISC PROXY PSH Pass Peer Policies Policy Port PortProcess Process
    Profile Program Prot Proto Q QUEUE RANGES RATEEST REACHABLE REDIRECT REJECT RELATED REORDER_HDR REPLY REQUEST
    RESET RESPOND RESPONSE RETURN RE_CONFIG RST RUNNING RX Recv Ref References Reject Reliability RemoteAddress
    Return Revision Route SACK SCTP SECMARK SEEN_REPLY SEP SERVICES SET SETMARK SHUTDOWN SHUTDOWN_ACK
    SHUTDOWN_ACK_SENT SHUTDOWN_COMPLETE SHUTDOWN_RECD SHUTDOWN_SENT SLAVE SMP SNAT SNPT SOURCE SRC STAGE STALE SVC
    SVL SYN SYNC SYNCACK SYNPROXY SYN_RECV SYN_SENT SYN_SENT2 Sat Saturday Save Scheduler Scope Send Sep Server
    Service Size Start State Sun Sunday T TCP TCPMSS TCPOPTSTRIP TEE TESTING THROW TIMEWAIT TIME_WAIT TOS TPROXY
    TRACE TTL TX Tables Throughput Thu Thursday Tue Tuesday Tunnel Type U UDP UG UGD UGH UH ULOG UNCONN UNICAST
    UNKNOWN UNREACHABLE UNREPLIED UNSPEC UNTRACKED UP URG USER Un Unknown Use VPN VXLAN Virtual Wed Wednesday Weight
    Window WireGuard Written XLB XRESOLVE Z _ __map __set _slave a aarch64 abi abort above accept accept_local
    accepted acct ack acknowledgement ackseq action add addr addr_info address addresses addrgenmode addrlabel addrs addrtype
    adm admin adminnetworkpolicy advert advertisement advmss af11 af12 af13 af21 af22 af23 af31 af32 af33 af41 af42
    af43 age ageing ageing_time agent ago ah ahlen ahres ahspi alarm alert algo alias all allmulti allow allowed alt
    altname always amd64 an and anp antrea any anycast apiVersion apiserver append archive arm64 arp arp_op
    arptables array as asconf assumed assured audit auth auto autojoin avgpkt aws ax azure b ba babel backend bad
    balance balancer banp base basic bbr bcast bcast_flood be because been below beyond bgp big binary binding bird
    bird6 bit bitmap bitmask bits bitwise blackhole blink block blocked blocking blocks bond boolean boot bootpc
    bootps both bpf bpftool bps bps1 bps2 br brd bridge bridge_id bridge_slave bridge_waiting bridged bridges
    broadcast brr bu bucketsize burst burst_unit by bypass bytecode byteorder bytes c cache cake cali cali0 cali4
    cali40all cali40d cali40dscp cali40masq cali40s cali40t cali40this cali6 cali60all cali60d cali60masq cali60s
    cali60t cali60this calico calicoctl call cannot capture captured careof carrier cat ce cfi cgroup cgroupsv2
    cgroupv2 chain check checksum chronyd chunk cidr cilium clamp class classid client close closereq cloud clsact
    cluster clustermac cmp cmtp code command comment communication comp complete compres concat conf confd
    config_pending confirmed congctl connbytes connection connections connlabel connlimit connmark conntrack
    constant containerd context contiguous continue control controller cookie coredns cosmos cost cot coti could
    couldn count counter counters cpi cprange cpu create created crit crypt crypto cs0 cs1 cs2 cs3 cs4 cs5 cs6 cs7
    csumcov ct ct_dir ct_event ct_label ct_state ct_status ctdir ctevents ctexpire ctmask ctorigdst ctorigdstport
    ctorigsrc ctorigsrcport ctproto ctrepldst ctrepldstport ctreplsrc ctreplsrcport ctstate ctstatus cubic cum cut
    cutoff cwnd cwr d da daddr dadfailed data dataack date datestart datestop day days dccp dccp_pkttype dctcp ddp
    dead deb11u1 deb12u1 debug dec decider deciders deep default define dei del delay delete delta denied deny
    deprecated describe designated_bridge designated_cost designated_port designated_root destination destinations
    destport destroy detached dev devgroup device devices df dgm dh dhclient dhcp dhcpv6 dir direct direct_action
    direction disable_ipv6 disabled dispatch dnat dnrouted dns dnsmasq docker dockerd doff domain done dormant dport
    dport_end dport_start dports driver drop dropped ds dscp dsfield dst dstip dstkey dstlen dstmask dstnat dstport
    dummy dump dup duplicate during dying dynamic dynset ebtables ece echo ecn ecne ect ect0 ect1 ef egp egress
    eigrp el7 el8 el9 elem element elements emerg empty encap encapped encrypted end endpoint endpoints entries
    entry envoy eol epmap eq err error erspan esp espspi established etcd eth0 eth1 ether ether_addr ether_type
    etherip ethernet eui64 event every ewmalog exceeded exist exists expectation expected experimental expevents
    expiration expire expires explicitly export expr expression extension extern_learn external externally exthdr f
    fail fail2ban failed failsafe false family fanout fast fastleave fastopen fastopen_no_cookie fc fd fdb features
    feff felix ffff fh fhfw fib fib_addr_type fib_addrtype field file fill filter fin fip firewall firewalld fits
    flag flags flannel flood flow flow_dissector flow_from flow_offload flow_to flower flowlabel flows flowtable
    flush fo folder followed for force_forwarding forceadd forever forward forward_delay forward_delay_timer
    forwarded forwarding fq fq_codel frag fragfirst fragid fraglast fraglen fragment fragmentation fragments
    fragmore fragres from fs fscache ftp ftps fully fw fwd fwmark fwmask g gap gated gateway gbit gbps gc gc_timer
    gcinterval gcp ge generic geneve genre get ggp gibit gibps gid git gke global globalnetworkpolicy gnp goto gre
    gre6 gretap gro_max_size group group_address group_fwd_mask group_fwd_mask_str groups gso_max_segs gso_max_size
    gt guard gz h hairpin handle haproxy hardware has hash hashlimit hashmode hashsize have hbh hdr hdrlength
    header headers health heartbeat hello_time hello_timer helper hep here hex high hip hitcount hl hlen hmark hmp
    hold hold_timer home hook hookline hop hoplimit host hostname hosts hot hoti hour htable htb http https htype
    hub hwe i ibridgename ibriport ibrname ibrpvid ibrvproto icase icmp icmp6 icmp_code icmp_type icmpv6
    icmpv6_code icmpv6_type icmpx icmpx_code icmpx_type id idp idpr idrp if iface iface_index iface_type ifconfig
    ifindex ifname igmp igmp_type igp ih iif iif_detached iifgroup iifkind iifname iiftype ikey ila imap imap2
    imaps immediate in inbound inc include includes incoming incompatible incomplete ind index inet inet6
    inet_proto inet_service inf infiniband info info_data info_kind info_slave_data info_slave_kind ingress inherit
    init initcwnd initial initrwnd initval input inreply inrequest insert integer interface interfaces internal
    internet interrupted interval into inv invalid invert ioam6 ip ip4 ip6 ip6erspan ip6gre ip6gretap ip6ip ip6ip6
    ip6tables ip6tnl ipPort ipam ipcomp ipcompspi ipencap ipgre ipid ipip ipip6 ipp ipproto iprange ipsec ipset
    ipsets iptables ipv4 ipv4_addr ipv6 ipv6_addr ipv6header ipvlan ipvs ipvs0 ipvsadm irc irtt is isakmp iscsi
    isis iso isolated istio it itself j java jhash json json_schema_version jump k kb kbit kbps kbytes keepalived
    kerberos kernel kerneltz key keys kibit kibps kind known knp kns ksa kube kubectl kubelet kubernetes l l2f l2tp
    l3mdev l3proto l4proto label labels larger last later lblc lblcr lc ldap ldaps le learning leave leaving led
    left legacy len length lephb level libvirt limit line link link_id link_type linkdown linkinfo links list
    listener listeners listening listing ll ll_addr lladdr lntup lo load loadbalancer loaded local local6 localnet
    localtz lock locked log looked lookup loop loopback loose loosely low lowest lshift lsid lsrr lt lts m mac
    macdecode macvlan macvtap main makes manager manet mangle many map mark marked markmask mask masq masquerade
    masqueraded master match matchall matched max max_age maxelem maxmtu maxseg may mb mbit mbps mbytes mcast
    mcast_fast_leave mcast_flood mcast_hash_elasticity mcast_hash_max mcast_igmp_version mcast_last_member_count
    mcast_last_member_interval mcast_membership_interval mcast_mld_version mcast_querier mcast_querier_interval
    mcast_query_interval mcast_query_response_interval mcast_query_use_ifaddr mcast_router mcast_snooping
    mcast_startup_query_count mcast_startup_query_interval mcast_stats_enabled mcast_to_unicast mcast_vlan_snooping
    md5 md5sig mdns medium membership memory merge message message_age_timer meta metainfo meter metric metrics mh
    mh_type mibit mibps microsoft min minmtu minute missing mld mld2 mngtmpaddr mobility mod mode module monitor
    month monthdays more mpls mplsip mptcp mrt ms msec msecs mss mtu much multi_queue multicast multiport must
    mysql n nak name named namespace nat natseqinfo nd ne needed negate neigbour neigh neigh_suppress neighbor
    neighbour neighbours net netavark netbios netdev netfilter netkit netlink netmap netmask netns netnsid netpol
    netstat network networkd networkpolicy never new nex next nexthdr nexthop nexthops nf nf_call_arptables
    nf_call_ip6tables nf_call_iptables nf_conntrack nf_proto nf_tables nfacct nflog nfmask nfproto nfs nft nftables
    nftrace nginx nh nh_info nhid nlgroup nlmon nntp no no_linklocal_learn nodad node nodelocaldns nodemask
    nodeport nodeports nodes nolearning nomatch non none nonxt noop nop nopi nopmtudisc noprefixroute noprof
    noqueue not note notempty notes notice notify notrack noudp6zerocsumrx noudp6zerocsumtx nowhere nowildcard np
    nq ns nsid nterrupted nth ntk ntp ntpd num number numgen numrxqueues numtxqueues o object objects objref
    obridgename obriport obrname of off offload offload_failed offset oif oif_detached oifgroup oifkind oifname
    oiftype okey on one one_queue onlink only op open openr openvpn openvswitch operation operator ops option
    options opts or order orig original originating osf ospf other otherhost out outbound outgoing output over ovf
    ovs owner p packet packets pair panic parameter parentbus parentdev part pass passed passthru path payload pcp
    peer peers per performance perhaps perm permaddr permanent permission permitted persist persistent pervasive
    pfifo_fast pfx physdev pi pid pim ping pinned pkt pkt_type pkttype plen pmtu po pod podman pods pol policies
    policy pong pool pools pop3 pop3s port port_id port_no portals ports position postgresql postrouting ppid ppp
    pps pps1 pps2 precedence pref preferred_lft prefix prefixlen prefsrc prerouting present pri printer prio
    priority private pro probability probes problem problems proc processes profile profiles prog prog_id programs
    prohib prohibit prohibited promisc promiscuity propagate property prot proto protocol protoinfo proxy proxy_arp
    proxy_arp_wifi psh psid ptr ptype public pup python3 qdisc qlen qthreshold quench query queue quickack quota
    quote r ra radius random range rate rate_unit rateest rateest1 rateest2 raw rcheck rdest rdp read realm realms
    reap reassembly recent redacted redefine redir redirect reduction references refresh regular reject related
    release_name remote remote6 remove rename reno renumbering reordering repeated replace reply report reqid
    request required requiring res reserved reserved2 reset resize resolve resolved response restore result return
    right rip rnd ro rohc role root root_block root_path_cost root_port route route6 route_localnet router routes
    routing rp_filter rpcbind rpf rpfilter rpl rr rreply rrequest rshift rsource rspf rst rsvp rsync rt rt0 rt2 rt4
    rt_offload rt_offload_failed rt_tables rt_trap rtclassid rto_min rtsp rtt rttl rttvar ru rule rule6 rules
    ruleset rwnd s sack sack0 sack1 sack2 sack3 saddr save sched_cls scheduler schema scope scopeid sctp sdif
    sdifname sec secctx secmark second secondary seconds secpath secs security sed seed seen seg seg6 seg6local
    segs segsleft selctx self sense seqadj seqno sequence server service services set sets setting settings several
    sfq sh shift shim6 short show shown shutdown sid single sip sips sit site size skb skbinfo skbmark skbprio
    skbqueue skgid skip skmark skuid sm smtp snaplen snat snmp so socket sockets socks soft solicit solicitation
    source sourceip sourceport span spi spnum spoke sport sport_end sport_start sports sql src src_valid_mark
    src_vni srcip srckey srclen srcmask srcnat srcport srh ss ssh sshd ssn ssrr ssthresh st stable stale start
    state statement statements states static statistic status sticky stmt stop stp_state stream stream_timeout
    streams strict string strip subcounters submission submissions subtype sudo sunrpc suppl suppress_ifgroup
    suppress_prefixlen suppress_prefixlength switch symhash syn sync syncack synproxy sys sysctl syslog system
    systemd t table table_id tables taddr tag tailscale0 tap target tbf tbit tbps tc tchain tcn_timer tcp tcp_flag
    tcpmss tcx tells telnet temporary tentative test text tflowtable tftp th than that the them thfw this threshold
    throw tibit tibps tier tiers time timeout timestamp timestart timestop tlocal tmap tmpl tnexthop to to_tbl too
    tools topology_change topology_change_ack topology_change_detected topology_change_timer tos total tp4 tproxy
    tracked traffic transit transparent transport trap trigger true truth tsecr tset tsn tsns tso_max_segs
    tso_max_size tsval ttl tun tun_id tunnel tunnel6 tuple tw twice two txt type type_flags typeof types u u32 udp
    udpcsum udpl udplite ufw ufw6 uid uid_end uid_start uidrange ulog uname unbound undeclared undefine unexpected
    unicast unit unknown unreach unreachable unreadable unresolved unspec unterminated until untracked update upto
    urg urgptr us use usec usecs used used_unit user users ustar utc v v1 v2 v3 v4 v6 vSwitch va vaddr val val_unit
    valid_lft validmark value variable vdir vepa verdict version veth via violation virtual visible vlan
    vlan_filtering vlan_tunnel vm vmap vmethod vmtp vnet_hdr vni vport vportctl vproto vrf vrrp vsctl vtag vti vti6
    vxlan wanted warn warning was watcher way wbt weave week weekdays weight wesp when whole wildcard will window
    wireguard with without wl wlc word workload workloads wrr wscale www x x11 x86_64 xdp xdpgeneric xdpmulti
    xdpoffload xfrm xmark xml xns xor xorp xresolve xt xtables xtp yaml z zebra zero zone
    """
