// What `apus link` says of itself, and how a shell completes it.

public enum LinkHelp {
    /// The text of `--help`.
    public static let text = """
        apus link makes, changes and shows network interfaces (netlink)
        usage: apus link [-n NETNS] [-j] COMMAND [ARGUMENT...]

          add veth A peer B [netns N]               a pair; N is where B goes
          add vlan NAME dev PARENT id 1..4094
          add bond NAME [mode M] [miimon MS] [members A B ...]
          add bridge|dummy|tap NAME
              each also: [mtu N] [address MAC] [alias TEXT] [up], before members
          set NAME WHAT...                          in the order given:
              up, down, mtu N, address MAC, name NEW, alias TEXT, master M, nomaster,
              netns N, add-ip A/P, del-ip A/P, offload rx|tx|sg|tso|gso|gro on|off,
              mode, miimon, updelay, downdelay, lacp-rate, xmit-hash-policy, min-links
          del NAME...
          show [NAME...]                            and what each is used for
          watch                                     changes, as they happen
          apply FILE [--dry-run]                    make it so, changing only what differs
          completion bash                           a script for the shell

          -n, --netns NETNS   work in that network namespace
          -j, --json          show and watch write JSON
              --dry-run       apply only says what it would do
          -h, --help          this text

        Exit status: 0 done, 1 refused (and why is said), 2 the command line is wrong.

        """

    /// For `source <(apus link completion bash)`.
    public static let bashCompletion = """
        _apus_link() {
          local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words
          [ "${COMP_WORDS[1]}" = link ] || return
          case $before in
            link) words='add set del show watch apply completion --netns --json --help' ;;
            add) words='veth vlan bond bridge dummy tap' ;;
            -n|--netns|netns) words=$(ls /run/netns 2>/dev/null) ;;
            mode) words='balance-rr active-backup balance-xor broadcast 802.3ad balance-tlb'
              words+=' balance-alb' ;;
            lacp-rate) words='slow fast' ;;
            xmit-hash-policy) words='layer2 layer2+3 layer3+4 encap2+3 encap3+4 vlan+srcmac' ;;
            offload) words='rx tx sg tso gso gro' ;;
            rx|tx|sg|tso|gso|gro) words='on off' ;;
            apply) COMPREPLY=($(compgen -f -- "$word")); return ;;
            set|del|show|dev|master|members) words=$(ls /sys/class/net 2>/dev/null) ;;
            *) case ${COMP_WORDS[2]} in
                 set) words='up down mtu address name alias master nomaster netns add-ip'
                   words+=' del-ip offload mode miimon updelay downdelay lacp-rate'
                   words+=' xmit-hash-policy min-links' ;;
                 add) words='peer netns dev id mode miimon members mtu address alias up'
                   words+=' lacp-rate xmit-hash-policy' ;;
                 apply) words='--dry-run' ;;
                 *) words=$(ls /sys/class/net 2>/dev/null) ;;
               esac ;;
          esac
          COMPREPLY=($(compgen -W "$words" -- "$word"))
        }
        complete -F _apus_link apus

        """
}
