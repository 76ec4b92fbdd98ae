// Command mesh stands in for the init container and the proxy that a service mesh adds to a pod. It behaves
// like Istio in these points: the init container redirects by iptables TCP connections from the pod to port
// 15001, and those to the pod to port 15006, except loopback traffic, traffic of the proxy's own user ID 1337
// and excluded ports; the proxy forwards both to their original destinations.
//
//	mesh init [--exclude-outbound PORT,...] [--exclude-inbound PORT,...]    sets the rules; needs NET_ADMIN and NET_RAW
//	mesh proxy                                                              passes connections on, and says each on stdout
//
// It has no TLS, no routes and no control plane.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/spf13/pflag"
)

const (
	user         = "1337"
	out, in      = 15001, 15006
	originalDest = 80 // SO_ORIGINAL_DST of linux/netfilter_ipv4.h
)

func main() {
	outbound := pflag.String("exclude-outbound", "", "ports that the pod connects to without the proxy, separated by commas")
	inbound := pflag.String("exclude-inbound", "", "ports of the pod that others connect to without the proxy")
	pflag.Parse()
	var err error
	switch pflag.Arg(0) {
	case "init":
		err = redirect(*outbound, *inbound)
	case "proxy":
		err = proxy()
	default:
		err = errors.New("want init or proxy")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// redirect adds the iptables rules; the first matching one applies.
func redirect(outbound, inbound string) error {
	rules := [][]string{
		{"OUTPUT", "-o", "lo", "-j", "RETURN"},
		{"OUTPUT", "-m", "owner", "--uid-owner", user, "-j", "RETURN"},
	}
	for chain, ports := range map[string]string{"OUTPUT": outbound, "PREROUTING": inbound} {
		if ports != "" {
			rules = append(rules, []string{chain, "-p", "tcp", "-m", "multiport", "--dports", ports, "-j", "RETURN"})
		}
	}
	rules = append(rules,
		[]string{"OUTPUT", "-p", "tcp", "-j", "REDIRECT", "--to-ports", strconv.Itoa(out)},
		[]string{"PREROUTING", "-p", "tcp", "-j", "REDIRECT", "--to-ports", strconv.Itoa(in)})
	for _, rule := range rules {
		text, err := exec.Command("iptables", append([]string{"-w", "-t", "nat", "-A"}, rule...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("iptables %s: %w: %s", strings.Join(rule, " "), err, text)
		}
	}
	return nil
}

func proxy() error {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 2)
	for direction, port := range map[string]int{"outbound": out, "inbound": in} {
		listener, err := net.Listen("tcp4", ":"+strconv.Itoa(port))
		if err != nil {
			return err
		}
		go func() { failed <- serve(listener.(*net.TCPListener), direction) }()
	}
	select {
	case <-ended:
		return nil
	case err := <-failed:
		return err
	}
}

func serve(listener *net.TCPListener, direction string) error {
	for {
		conn, err := listener.AcceptTCP()
		if err != nil {
			return err
		}
		go func() {
			if err := pass(conn, direction); err != nil {
				fmt.Fprintln(os.Stderr, direction, err)
			}
		}()
	}
}

// pass connects to the original destination of a redirected connection.
func pass(from *net.TCPConn, direction string) error {
	defer from.Close()
	address, err := destination(from)
	if err != nil {
		return err
	}
	to, err := net.Dial("tcp4", address)
	if err != nil {
		return err
	}
	defer to.Close()
	fmt.Println(direction, address)
	var both sync.WaitGroup
	both.Go(func() { send(to.(*net.TCPConn), from) })
	both.Go(func() { send(from, to.(*net.TCPConn)) })
	both.Wait()
	return nil
}

func send(to, from *net.TCPConn) {
	_, _ = io.Copy(to, from) // an error means that one side has closed the connection
	_ = to.CloseWrite()
}

func destination(conn *net.TCPConn) (string, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return "", err
	}
	var found *syscall.IPv6Mreq // used as a 16-byte buffer, which holds a sockaddr_in here
	var failed error
	err = raw.Control(func(fd uintptr) {
		found, failed = syscall.GetsockoptIPv6Mreq(int(fd), syscall.IPPROTO_IP, originalDest)
	})
	if err := errors.Join(err, failed); err != nil {
		return "", fmt.Errorf("original destination: %w", err)
	}
	address := found.Multiaddr
	return net.JoinHostPort(net.IP(address[4:8]).String(), strconv.Itoa(int(binary.BigEndian.Uint16(address[2:4])))), nil
}
