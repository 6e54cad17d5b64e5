package emulator

import (
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
)

// User may log in, and do everything.
type User struct {
	Name     string
	Password string // blank is a password too
	Keys     []ssh.PublicKey
}

// maxLoginAttempts per connection. RouterOS fact: up to nine.
const maxLoginAttempts = 9

// AuthorizeKey gives a key to a user, who need not exist and may do everything then.
func (s *Server) AuthorizeKey(user string, key ssh.PublicKey) {
	s.device.authorize(user, string(key.Marshal()))
}

// RevokeKeys takes all keys from a user. Connections logged in stay.
func (s *Server) RevokeKeys(user string) { s.device.revokeKeys(user) }

var errLogin = errors.New("login failure")

// userName strips the console flags from a login name. RouterOS fact: "admin+ct80w" logs admin in, with an 80 columns
// wide console without colours.
func userName(login string) string {
	name, _, _ := strings.Cut(login, "+")
	return name
}

func (s *Server) checkPassword(login, password string) error {
	if s.Faults().RejectLogin || !s.device.acceptsPassword(userName(login), password, s.options.PasswordWithKey) {
		return errLogin
	}
	return nil
}

func (s *Server) checkKey(login string, key ssh.PublicKey) error {
	if s.Faults().RejectLogin || !s.device.acceptsKey(userName(login), string(key.Marshal())) {
		return errLogin
	}
	return nil
}

// config is made anew for each connection, which sees the host keys of its time.
func (s *Server) config(t *wiretap) *ssh.ServerConfig {
	config := &ssh.ServerConfig{
		Config: ssh.Config{
			Rand: keySource{t},
			// RouterOS fact: aes-gcm, aes-ctr, no chacha20-poly1305; curve25519 since 7.7.
			KeyExchanges: []string{ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384,
				ssh.KeyExchangeECDHP521, ssh.KeyExchangeDH14SHA256},
			Ciphers: []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherAES128CTR, ssh.CipherAES192CTR,
				ssh.CipherAES256CTR},
			MACs: []string{ssh.HMACSHA256, ssh.HMACSHA512},
		},
		ServerVersion: s.options.Version,
		MaxAuthTries:  maxLoginAttempts,
		// RouterOS fact: ECDSA user keys are never accepted.
		PublicKeyAuthAlgorithms: []string{ssh.KeyAlgoED25519, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
		PreAuthConnCallback: func(ssh.ServerPreAuthConn) {
			s.count(func(st *Stats) { st.Handshakes++ })
			if s.Faults().HoldLogin {
				<-t.gone
			}
		},
		PasswordCallback: func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			return nil, s.checkPassword(c.User(), string(password))
		},
		KeyboardInteractiveCallback: func(c ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", []string{"Password: "}, []bool{false})
			if err != nil || len(answers) != 1 {
				return nil, errLogin
			}
			return nil, s.checkPassword(c.User(), answers[0])
		},
		PublicKeyCallback: func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return nil, s.checkKey(c.User(), key)
		},
		AuthLogCallback: func(_ ssh.ConnMetadata, method string, err error) {
			switch {
			case err == nil:
				s.count(func(st *Stats) { st.Logins++ })
			case method != "none":
				s.count(func(st *Stats) { st.LoginFailures++ })
			}
		},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.hostKeys {
		config.AddHostKey(key)
	}
	return config
}
