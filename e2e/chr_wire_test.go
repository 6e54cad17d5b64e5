//go:build linux && !race

package e2e

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// keepalive sends the request that OpenSSH uses, and returns what kind of
// answer came while a command was carried out; "" is none.
func (d device) keepalive() (answered string, err error) {
	client, err := d.login(d.user)
	if err != nil {
		return "", err
	}
	defer client.Close()
	answer := make(chan string, 1)
	go func() {
		ok, _, err := client.SendRequest("keepalive@openssh.com", true, nil)
		switch {
		case err != nil: // it ended with the connection
			answer <- ""
		case ok:
			answer <- "success"
		default:
			answer <- "failure"
		}
	}()
	// SSH keeps its order: an answer would have come before that of a command
	// that was sent later.
	for range 2 {
		if _, err := say(client, ":put ok", 20*time.Second); err != nil {
			return "", err
		}
	}
	client.Close()
	return <-answer, nil
}

// proposal is what a server offers at the beginning of the key exchange.
var proposal = []string{"kex_algorithms", "server_host_key_algorithms", "encryption_algorithms_client_to_server",
	"encryption_algorithms_server_to_client", "mac_algorithms_client_to_server", "mac_algorithms_server_to_client",
	"compression_algorithms_client_to_server", "compression_algorithms_server_to_client",
	"languages_client_to_server", "languages_server_to_client"}

// keyExchange returns the banner and the lists of the server. They come before
// anything is encrypted, and the library does not tell them.
func (d device) keyExchange() (string, error) {
	c, err := net.DialTimeout("tcp", d.address(), 10*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "SSH-2.0-Go\r\n"); err != nil {
		return "", err
	}
	r := bufio.NewReader(c)
	banner, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	var length uint32
	if err := binary.Read(r, binary.BigEndian, &length); err != nil || length > 64<<10 {
		return "", fmt.Errorf("a packet of %d bytes, %v", length, err)
	}
	packet := make([]byte, length)
	if _, err := io.ReadFull(r, packet); err != nil {
		return "", err
	}
	const padding, kind, cookie = 1, 1, 16
	if len(packet) < padding+kind+cookie || packet[padding] != 20 {
		return "", errors.New("the first packet is no KEXINIT")
	}
	lists := packet[padding+kind+cookie:]
	text := fmt.Sprintf("banner %q\n", banner)
	for _, name := range proposal {
		if len(lists) < 4 || uint32(len(lists)-4) < binary.BigEndian.Uint32(lists) {
			return "", errors.New("the KEXINIT is too short")
		}
		n := binary.BigEndian.Uint32(lists)
		text += strings.TrimRight(name+" "+string(lists[4:4+n]), " ") + "\n"
		lists = lists[4+n:]
	}
	return text, nil
}

// channelEvent finds in OpenSSH's messages what came on the channel.
var channelEvent = regexp.MustCompile(`channel 0: rcvd (eof|close)|rtype (exit-\w+)`)

// channelOrder returns in which order exit status, EOF and close come after a
// command. The library gives them by separate ways, so OpenSSH is asked.
func (d device) channelOrder(t *testing.T, command string) (string, error) {
	client, hostKey, err := d.loginShown(d.user)
	if err != nil {
		return "", err
	}
	client.Close()
	hosts := filepath.Join(t.TempDir(), "known_hosts")
	writeFile(t, hosts, []byte(knownhosts.Line([]string{knownhosts.Normalize(d.address())}, hostKey)+"\n"))
	out, err := exec.Command("ssh", "-vvv", "-F", "none", "-T", "-n", "-i", d.keyFile, "-p", d.port, "-l", d.user,
		"-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20",
		"-o", "UserKnownHostsFile="+hosts, "-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes",
		d.host, command).CombinedOutput()
	var order []string
	for _, found := range channelEvent.FindAllStringSubmatch(string(out), -1) {
		order = append(order, found[1]+found[2])
	}
	if len(order) == 0 {
		return "", fmt.Errorf("ssh tells nothing of its channel: %v\n%s", err, tail(string(out), 2<<10))
	}
	return strings.Join(order, ", ") + "\n", nil
}

// atOnceOn opens sessions on one connection at the same time, and counts how
// many commands were answered.
func (d device) atOnceOn(sessions int) (answered int, problem error) {
	client, err := d.login(d.user)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	results := make(chan error, sessions)
	for range sessions {
		go func() {
			r, err := say(client, ":delay 1s; :put ok", 40*time.Second)
			if err == nil && strings.TrimSpace(r.stdout) != "ok" {
				err = fmt.Errorf("it says %q, %s", r.stdout, r.end)
			}
			results <- err
		}()
	}
	for range sessions {
		if err := <-results; err == nil {
			answered++
		} else {
			problem = err
		}
	}
	return answered, problem
}

// waitBanner waits until a server says who it is, and returns how long that
// took.
func (d device) waitBanner(t *testing.T, within time.Duration) time.Duration {
	t.Helper()
	return spends(func() {
		until(t, within, "a login", func() error {
			var client *ssh.Client
			client, err := d.login(d.user)
			if err == nil {
				client.Close()
			}
			return err
		})
	})
}
