package emulator

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
)

// maxUpload is more than a package has; contents are kept in memory.
const maxUpload = 64 << 20

// serveFiles is the SFTP subsystem: files go in and out of what /file shows, and can be removed.
func (d *Device) serveFiles(channel io.ReadWriteCloser) {
	files := fileService{d}
	sftp.NewRequestServer(channel, sftp.Handlers{FileGet: files, FilePut: files, FileCmd: files, FileList: files}).Serve()
}

// fileService answers one SFTP session.
type fileService struct{ device *Device }

// Filewrite takes a file, which is there when the client closes it.
func (s fileService) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	return &uploaded{device: s.device, name: fileName(r)}, nil
}

// Fileread gives what was uploaded; the files behind disks have no contents here.
func (s fileService) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	s.device.mu.Lock()
	defer s.device.mu.Unlock()
	f := s.device.storage.files[fileName(r)]
	if f == nil || f.content == nil {
		return nil, os.ErrNotExist
	}
	return bytes.NewReader(f.content), nil
}

// Filecmd removes files and makes directories. Times and modes are taken and forgotten.
func (s fileService) Filecmd(r *sftp.Request) error {
	s.device.mu.Lock()
	defer s.device.mu.Unlock()
	switch r.Method {
	case "Setstat":
		return nil
	case "Remove":
		name := fileName(r)
		switch {
		case s.device.storage.files[name] == nil:
			return os.ErrNotExist
		case s.device.storage.byFile(name) != nil:
			return os.ErrPermission
		}
		delete(s.device.storage.files, name)
		return nil
	case "Mkdir":
		return s.device.makeDirectory(fileName(r))
	}
	return sftp.ErrSSHFxOpUnsupported
}

func (s fileService) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	s.device.mu.Lock()
	defer s.device.mu.Unlock()
	name := fileName(r)
	if r.Method == "List" {
		var all fileInfos
		for _, row := range s.device.fileRows() {
			all = append(all, infoOf(row))
		}
		return all, nil
	}
	if name == "" {
		return fileInfos{{name: "/", dir: true}}, nil
	}
	for _, row := range s.device.fileRows() {
		if info := infoOf(row); info.name == name {
			return fileInfos{info}, nil
		}
	}
	return nil, os.ErrNotExist
}

// makeDirectory is called with the device locked.
func (d *Device) makeDirectory(name string) error {
	pool := d.storage.poolOf(name)
	switch {
	case pool != nil && !pool.mounted, !d.directoryExists(name):
		return os.ErrNotExist
	case slices.Contains(d.storage.directories, name), d.storage.files[name] != nil:
		return os.ErrExist
	}
	d.storage.directories = append(d.storage.directories, name)
	return nil
}

func fileName(r *sftp.Request) string { return strings.TrimPrefix(r.Filepath, "/") }

// uploaded collects a file until it is closed.
type uploaded struct {
	device *Device
	name   string

	mu      sync.Mutex // guards content
	content []byte
}

func (u *uploaded) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > maxUpload {
		return 0, errors.New("no space left on device")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if end := int(at) + len(p); end > len(u.content) {
		u.content = append(u.content, make([]byte, end-len(u.content))...)
	}
	return copy(u.content[at:], p), nil
}

func (u *uploaded) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	d := u.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.storage.poolOf(u.name) != nil {
		if err := d.storage.resize(u.name, int64(len(u.content))); err != nil {
			return err
		}
	}
	if u.content == nil {
		u.content = []byte{}
	}
	d.storage.files[u.name] = &file{name: u.name, size: int64(len(u.content)), content: u.content, modified: time.Now()}
	return nil
}

// fileInfos is a list as SFTP reads it, from any place on.
type fileInfos []fileInfo

func (f fileInfos) ListAt(to []os.FileInfo, from int64) (int, error) {
	n := 0
	for ; n < len(to) && int(from)+n < len(f); n++ {
		to[n] = f[int(from)+n]
	}
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

type fileInfo struct {
	name string
	size int64
	dir  bool
}

func infoOf(row record) fileInfo {
	name, _ := row.get("name")
	kind, _ := row.get("type")
	size, _ := row.get("size")
	n, _ := number(size)
	return fileInfo{text(name), n, kind == "disk" || kind == "directory"}
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return i.dir }
func (i fileInfo) Sys() any           { return nil }
func (i fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
