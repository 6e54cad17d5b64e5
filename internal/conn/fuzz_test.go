package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// FuzzServerBytes lets a server send anything at all before and in the
// handshake. Connect must return an *Error within its deadline.
func FuzzServerBytes(f *testing.F) {
	f.Add([]byte("SSH-2.0-ROSSSH\r\n"))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	f.Add([]byte("SSH-1.99-old\r\n"))
	f.Add([]byte("SSH-2.0-ROSSSH\r\n\x00\x00\x00\x0c\x0a\x14aaaaaaaaaa"))
	f.Add([]byte("SSH-2.0-ROSSSH\r\n\xff\xff\xff\xff\x00\x00"))
	f.Add(append([]byte("SSH-2.0-x\n"), make([]byte, 4096)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t, func(s *settings) {
			s.client.ConnectTimeout = 2 * time.Second
			s.client.Dial = func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				go func() {
					go io.Copy(io.Discard, server)
					server.Write(data)
					server.Close()
				}()
				return client, nil
			}
		})
		err := w.client.Connect(t.Context())
		var failure *Error
		if !errors.As(err, &failure) || KindOf(err) == KindAuth || w.client.IsConnected() {
			t.Errorf("Connect: %v", err)
		}
	})
}

// FuzzHostKeyFile feeds anything as a host key file: an error, or keys of
// which each is accepted and no other.
func FuzzHostKeyFile(f *testing.F) {
	signer, _ := newSigner()
	line := string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	f.Add(line)
	f.Add("192.168.88.1 " + line)
	f.Add("@revoked * " + line)
	f.Add("|1|AAAA|AAAA " + line)
	f.Add("ssh-ed25519 \n\x00")
	f.Add("# comment\n")
	other, _ := newSigner()
	f.Fuzz(func(t *testing.T, content string) {
		path := filepath.Join(t.TempDir(), "host")
		writeFile(t, path, content)
		keys, err := LoadHostKeys(path, "192.168.88.1", 22)
		if err != nil {
			return
		}
		if len(keys.keys) == 0 || len(keys.algorithms()) == 0 {
			t.Error("no error and no key")
		}
		if keys.check(other.PublicKey()) == nil {
			t.Error("a key that is in no file was accepted")
		}
	})
}

// FuzzExecOutput lets the device print anything; it comes back unchanged.
func FuzzExecOutput(f *testing.F) {
	f.Add([]byte("ok\r\n"), uint32(0), true)
	f.Add([]byte("\x00\xff\x1b[6n"), uint32(1), true)
	f.Add([]byte{}, uint32(255), false)
	f.Fuzz(func(t *testing.T, output []byte, status uint32, sendStatus bool) {
		client, server := scriptedServer(t, func(ch ssh.Channel) {
			ch.Write(output)
			if sendStatus {
				ch.SendRequest("exit-status", false, ssh.Marshal(struct{ S uint32 }{status}))
			}
		})
		defer server()
		got, err := client.Exec(t.Context(), ":put anything")
		if got != string(output) {
			t.Errorf("Exec returned %q, want %q", got, output)
		}
		if refused := KindOf(err) == KindRejected; refused != (sendStatus && status != 0) {
			t.Errorf("Exec: %v with status %d (sent: %v)", err, status, sendStatus)
		}
	})
}

// scriptedServer accepts any login and any command, which script then answers.
func scriptedServer(t *testing.T, script func(ssh.Channel)) (*SSHClient, func()) {
	return sessionServer(t, func(ch ssh.Channel, command *ssh.Request) {
		command.Reply(true, nil)
		script(ch)
		ch.Close()
	})
}

// sessionServer accepts any login and gives each session with its command to
// script.
func sessionServer(t *testing.T, script func(ssh.Channel, *ssh.Request)) (*SSHClient, func()) {
	t.Helper()
	hostKey, _ := newSigner()
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(hostKey)
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	go func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			go serveScript(raw, config, script)
		}
	}()
	dir := t.TempDir()
	keyFile, hostKeyFile := filepath.Join(dir, "key"), filepath.Join(dir, "host")
	writeKey(t, keyFile)
	writeHostKeys(t, hostKeyFile, hostKey.PublicKey())
	client := must(NewSSHClient(SSHClientConfig{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, User: "x",
		KeyFile: keyFile, HostKeyFile: hostKeyFile,
		Verify: func(context.Context, ExecFunc) (Identity, error) { return Identity{}, nil }}))
	if err := client.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return client, func() { client.Close(); listener.Close() }
}

func serveScript(raw net.Conn, config *ssh.ServerConfig, script func(ssh.Channel, *ssh.Request)) {
	_, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for offer := range channels {
		ch, requests, err := offer.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range requests {
				if r.Type == "exec" {
					script(ch, r)
				}
			}
		}()
	}
}

func TestFloodsEndInAnError(t *testing.T) {
	tests := []struct {
		name   string
		script func(ssh.Channel)
		kind   Kind
	}{
		{"5 MiB of output", func(ch ssh.Channel) { ch.Write(make([]byte, 5<<20)) }, KindTooLarge},
		{"5 MiB on stderr", func(ch ssh.Channel) { ch.Stderr().Write(make([]byte, 5<<20)) }, KindTooLarge},
		{"3 MiB on each", func(ch ssh.Channel) { ch.Write(make([]byte, 3<<20)); ch.Stderr().Write(make([]byte, 3<<20)) }, KindTooLarge},
		{"10,000 channel requests", func(ch ssh.Channel) {
			for range 10_000 {
				ch.SendRequest("flood", false, make([]byte, 100))
			}
			ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
		}, ""},
		{"a status that is no number", func(ch ssh.Channel) { ch.SendRequest("exit-status", false, []byte{1}) }, ""},
		{"two statuses", func(ch ssh.Channel) {
			ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
			ch.SendRequest("exit-status", false, []byte{0, 0, 0, 7})
		}, ""},
		{"killed by a signal", func(ch ssh.Channel) { ch.SendRequest("exit-signal", false, nil) }, KindRejected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, stop := scriptedServer(t, tt.script)
			defer stop()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if _, err := client.Exec(ctx, ":put anything"); KindOf(err) != tt.kind {
				t.Errorf("Exec: %v, want kind %q", err, tt.kind)
			}
		})
	}
}

func TestFloodsDoNotGrowTheHeap(t *testing.T) {
	client, stop := scriptedServer(t, func(ch ssh.Channel) {
		for range 1000 {
			ch.SendRequest("flood", false, make([]byte, 100))
		}
		ch.Stderr().Write(make([]byte, 1<<20))
		ch.Write(make([]byte, 5<<20))
	})
	defer stop()
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	flood := func() {
		if _, err := client.Exec(t.Context(), ":put anything"); KindOf(err) != KindTooLarge {
			t.Fatalf("Exec: %v, want kind %q", err, KindTooLarge)
		}
	}
	flood() // what is allocated once
	before := heap()
	const floods = 20
	for range floods {
		flood()
	}
	// Half a MiB for each, of the 6 that it writes.
	if after := heap(); after > before+floods<<19 {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
}

// x/crypto/ssh reads nothing more of the connection while a session has 16
// requests that nobody takes: they are taken whatever became of the command.
func TestRequestsOfASessionAreTakenAtAnyTime(t *testing.T) {
	flood := func(ch ssh.Channel) {
		for range 100 {
			ch.SendRequest("keepalive@openssh.com", false, nil)
		}
	}
	tests := []struct {
		name   string
		script func(ssh.Channel, *ssh.Request)
		kind   Kind
	}{
		{"before the command is accepted", func(ch ssh.Channel, command *ssh.Request) {
			flood(ch)
			command.Reply(true, nil)
			ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
			ch.Close()
		}, ""},
		{"after it was refused", func(ch ssh.Channel, command *ssh.Request) {
			command.Reply(false, nil)
			flood(ch)
		}, KindRejected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			client, stop := sessionServer(t, tt.script)
			defer stop()
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if _, err := client.Exec(ctx, ":put anything"); KindOf(err) != tt.kind {
					t.Errorf("Exec: %v, want kind %q", err, tt.kind)
				}
			}
		})
	}
}

// A session that the device ends before it said anything of the command is not
// the end of the connection.
func TestSessionClosedWithoutAnAnswerIsNoLoss(t *testing.T) {
	client, stop := sessionServer(t, func(ch ssh.Channel, _ *ssh.Request) { ch.Close() })
	defer stop()
	_, err := client.Exec(t.Context(), ":put anything")
	if KindOf(err) != KindRejected || OutcomeOf(err) != Unknown || !client.IsConnected() {
		t.Errorf("Exec: %v (outcome %s), connected: %v, want rejected with the outcome unknown", err, OutcomeOf(err), client.IsConnected())
	}
}

// Whoever stands at the address, before any host key was shown, may say
// goodbye with a quarter of a megabyte, and every attempt is a line of the log.
func TestWordsOfAStrangerAreBounded(t *testing.T) {
	words := ssh.Marshal(struct {
		Reason            uint32 `sshtype:"1"`
		Message, Language string
	}{Reason: 11, Message: strings.Repeat("\x1b", 200_000)})
	padding := 8 - (len(words)+5)%8 + 8
	packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(words)+padding))
	packet = append(append(append(packet, byte(padding)), words...), make([]byte, padding)...)
	inBubble(t, func(s *settings) {
		s.client.Dial = func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go io.Copy(io.Discard, there)
			go there.Write(append([]byte("SSH-2.0-stranger\r\n"), packet...))
			return here, nil
		}
	}, func(w *world) {
		w.m.StartMonitor(w.t.Context())
		w.pass(0)
		if failure := w.m.Snapshot().LastError; failure == nil || failure.Kind != KindClosed || len(failure.Error()) > 2*maxErrorText {
			w.t.Errorf("the attempt failed with %.200v ...", failure)
		}
		if n := len(w.log.String()); n > 8*maxErrorText {
			w.t.Errorf("the log has %d bytes", n)
		}
	})
}
