package routeros

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rds-csi/internal/emulator"
)

// schedule lets two controllers work on one volume and decides which of their commands runs next. One command may be
// cut off and run late, or never; one may run and lose its answer.
type schedule struct {
	device *emulator.Device
	random *rand.Rand
	late   string // a command that is on its way
	lates  int
	losses int
	// slowAdd: the file is there before its disk.
	slowAdd bool
	// lateAdd is when a late command to add the disk arrived. After a deletion it makes an empty volume: nothing on the
	// device tells that it is not wanted any more.
	lateAdd int

	mu      sync.Mutex // guards what follows
	waiting []request
	clock   int
	done    []ended
	log     []string
}

type request struct {
	controller int
	command    string
	answer     chan<- answer
}

type answer struct {
	output string
	err    error
}

// ended is an operation that was answered, or not.
type ended struct {
	anOperation
	began, ended int
	size         int64
	err          error
}

func (s *schedule) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// tick numbers what happens.
func (s *schedule) tick(what string, args ...any) (at int) {
	s.locked(func() {
		s.clock++
		at = s.clock
		s.log = append(s.log, fmt.Sprintf("%3d ", at)+fmt.Sprintf(what, args...))
	})
	return at
}

func (s *schedule) executor(controller int) ExecutorFunc {
	return func(_ context.Context, command string) (string, error) {
		reply := make(chan answer, 1)
		s.locked(func() { s.waiting = append(s.waiting, request{controller, command, reply}) })
		a := <-reply
		return a.output, a.err
	}
}

// work does some operations, one after the other.
func (s *schedule) work(ctx context.Context, controller int, v *Volumes, operations []anOperation) {
	for _, o := range operations {
		e := ended{anOperation: o, began: s.tick("%d begins %s", controller, o.name)}
		e.size, e.err = o.call(ctx, v)
		e.ended = s.tick("%d ended %s: %d, %v", controller, o.name, e.size, e.err)
		s.locked(func() { s.done = append(s.done, e) })
	}
}

// next lets one waiting command run.
func (s *schedule) next() (ran bool) {
	var r request
	s.locked(func() {
		if ran = len(s.waiting) > 0; ran {
			slices.SortFunc(s.waiting, func(a, b request) int { return cmp.Compare(a.controller, b.controller) })
			n := s.random.IntN(len(s.waiting))
			r = s.waiting[n]
			s.waiting = slices.Delete(s.waiting, n, n+1)
		}
	})
	if !ran {
		return false
	}
	lost := answer{err: errors.New("connection lost")}
	writes := !strings.HasPrefix(r.command, ":put")
	switch {
	case writes && s.lates == 0 && s.random.IntN(4) == 0:
		s.lates++
		s.late = r.command
		s.tick("%d cut off: %s", r.controller, r.command)
		r.answer <- lost
	case s.losses == 0 && s.random.IntN(16) == 0:
		s.losses++
		s.tick("%d unanswered: %s", r.controller, r.command)
		go s.device.Run(context.Background(), "admin", r.command)
		r.answer <- lost
	default:
		if writes {
			s.tick("%d %s", r.controller, r.command)
		}
		go func() { r.answer <- answer{output: s.device.Run(context.Background(), "admin", r.command).Output} }()
	}
	return true
}

func (s *schedule) deliver() {
	if s.late != "" {
		at := s.tick("late: %s", s.late)
		if strings.Contains(s.late, "/disk add") {
			s.lateAdd = at
		}
		s.device.Run(context.Background(), "admin", s.late)
		s.late = ""
	}
}

func TestNoScheduleOfTwoControllersLosesAVolume(t *testing.T) {
	schedules := 1000
	if testing.Short() {
		schedules = 200
	}
	for seed := range schedules {
		synctest.Test(t, func(t *testing.T) { runSchedule(t, uint64(seed)) })
		if t.Failed() {
			break
		}
	}
}

func runSchedule(t *testing.T, seed uint64) {
	s := &schedule{random: rand.New(rand.NewPCG(seed, 0))}
	options := careless
	options.KeepExported = s.random.IntN(2) == 0
	options.AddTime = time.Duration(s.random.IntN(3)) * 400 * time.Millisecond
	s.device, s.slowAdd = emulator.NewDevice(options), options.AddTime > 0
	all := []anOperation{creating(1), creating(1), creating(3), growing(2), growing(4), deleting, deleting}
	var controllers sync.WaitGroup
	for controller := range 2 {
		operations := make([]anOperation, 1+s.random.IntN(3))
		for i := range operations {
			operations[i] = all[s.random.IntN(len(all))]
		}
		v := volumes(t, s.executor(controller))
		controllers.Go(func() { s.work(t.Context(), controller, v, operations) })
	}
	finished := make(chan struct{})
	go func() { controllers.Wait(); close(finished) }()
	for {
		synctest.Wait()
		select {
		case <-finished:
			s.deliver()
			time.Sleep(time.Minute) // what goes on without its connection ends
			s.check(t, seed)
			return
		default:
		}
		if s.late != "" && s.random.IntN(12) == 0 {
			s.deliver()
		}
		if !s.next() || s.random.IntN(8) == 0 {
			time.Sleep(time.Duration(s.random.IntN(300)) * time.Millisecond)
		}
	}
}

// check holds what there is against what was answered. An operation that ended before another began comes before it;
// of operations at the same time either may.
func (s *schedule) check(t *testing.T, seed uint64) {
	v := volumes(t, execOn(s.device))
	got, err := v.Get(t.Context(), "pvc-1")
	there := err == nil
	file, hasFile := s.device.FileSize(file1)
	lastDeletion, lastMaking := 0, 0 // when they ended
	deletions, openDeletion := 0, false
	for _, e := range s.done {
		if e.name == deleting.name {
			lastDeletion = max(lastDeletion, e.ended)
			openDeletion = openDeletion || e.err != nil
			deletions++
		} else {
			lastMaking = max(lastMaking, e.ended)
		}
	}
	fail := func(format string, args ...any) {
		t.Errorf("seed %d: "+format+"\n%s", append(append([]any{seed}, args...), strings.Join(s.log, "\n"))...)
	}
	// A deletion finds the file of a disk that is still being added, and takes it away. The creation is told, and nobody
	// has been promised anything.
	half := s.slowAdd && deletions > 0 && there && !hasFile && got.Size == 0
	if there && !half && (!hasFile || file != got.Size) {
		fail("there is %+v, and its file has %d bytes (%v)", got, file, hasFile)
	}
	if deletions == 0 && !there && hasFile {
		fail("the file lost its disk")
	}
	for _, e := range s.done {
		switch {
		case e.err != nil && KindOf(e.err) == ErrNotFound && strings.HasPrefix(e.name, "create"):
			fail("%s: %v", e.name, e.err)
		case e.err != nil:
		case e.name == deleting.name && e.began > lastMaking && (there || hasFile) && s.lateAdd < e.began:
			fail("deleted, and there is %+v; its file: %v", got, hasFile)
		// Only a creation takes back a deletion of which nobody knows whether it is over.
		case e.name != deleting.name && e.began > lastDeletion && (!openDeletion || strings.HasPrefix(e.name, "create")) && (!there || got.Size < e.size):
			fail("%s was answered with %d bytes, and there is %+v", e.name, e.size, got)
		}
	}
	if err := v.Delete(t.Context(), "pvc-1"); err != nil {
		fail("deleted at last: %v", err)
	}
	wantVolume(t, s.device, v, 0)
}
