package conn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/ssh"
)

// maxFileSize bounds what is read of a key or host key file: a mistaken path
// may name something endless.
const maxFileSize = 1 << 20

// LoadKey reads a private key in OpenSSH or PEM format. The error names the
// fault and the remedy and never contains a part of the file.
func LoadKey(path string) (ssh.Signer, error) {
	pem, err := readFile(path)
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var encrypted *ssh.PassphraseMissingError
	switch {
	// PKCS #8 has a PEM type of its own for it (RFC 7468, section 11).
	case errors.As(err, &encrypted), bytes.Contains(pem, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----")):
		return nil, fmt.Errorf("%s is encrypted with a passphrase; use a key without one (ssh-keygen -p removes it)", path)
	case err != nil:
		return nil, fmt.Errorf("%s is not a private key in OpenSSH or PEM format (%w)", path, err)
	}
	if signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return signer, nil
	}
	// SHA-1 signatures are never made: RouterOS 7 takes SHA-2 ones.
	algorithmSigner, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, fmt.Errorf("%s holds an RSA key that cannot sign with SHA-2", path)
	}
	return ssh.NewSignerWithAlgorithms(algorithmSigner, []string{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512})
}

// readFile reads a regular, non-empty file of reasonable size. Anything else,
// a named pipe for example, could block for ever or never end.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plainPathError(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path) // #nosec G304 -- the operator names it
	if err != nil {
		return nil, plainPathError(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	switch {
	case err != nil:
		return nil, plainPathError(path, err)
	case len(data) > maxFileSize:
		return nil, fmt.Errorf("%s is larger than %d bytes", path, maxFileSize)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, fmt.Errorf("%s is empty", path)
	}
	return data, nil
}

func plainPathError(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s does not exist (%w)", path, os.ErrNotExist)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("%s cannot be read by uid %d (%w)", path, os.Getuid(), os.ErrPermission)
	}
	return err
}
