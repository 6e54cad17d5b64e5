//go:build linux && !race

package e2e

import (
	"fmt"
	"strings"
	"time"
)

// record asks everything that is not known of RouterOS.
func (r *recorder) record() {
	r.t.Helper()
	for _, questions := range []func(){r.wire, r.streams, r.shapes, r.refusals, r.limits, r.changes, r.reboot} {
		questions()
	}
}

func (r *recorder) path(name string) string {
	return strings.TrimRight(r.basePath, "/") + "/" + r.stem + name + ".img"
}

// add is the command that makes a volume, with what is given beside.
func (r *recorder) add(slot, more string) string {
	return fmt.Sprintf(`/disk add type=file file-path="%s" slot="%s" %s`, r.path(slot), r.stem+slot, more)
}

func (r *recorder) json(slot string) string {
	return fmt.Sprintf(`:put [:serialize to=json [/disk print detail as-value where slot="%s"]]`, r.stem+slot)
}

const exported = `file-size=16M nvme-tcp-export=yes nvme-tcp-server-port=4420 mount-filesystem=no`

// wire is what happens below commands.
func (r *recorder) wire() {
	lists, err := r.keyExchange()
	if err != nil {
		r.t.Error(err)
	}
	r.note("kexinit", "%s", lists)
	for _, command := range []string{":put ok", "/nonsense"} {
		order, err := r.channelOrder(r.t, command)
		if err != nil {
			r.t.Error(err)
		}
		r.note("channel-order", "\n> %s\n%s", command, order)
	}
	answered, err := r.keepalive()
	if err != nil {
		r.t.Error(err)
	}
	if answered == "" {
		answered = "no answer"
	}
	r.note("keepalive", "keepalive@openssh.com, answer wanted: %s", answered)
}

// streams is where errors go.
func (r *recorder) streams() {
	for _, command := range []string{`:put ok`, `/nonsense`, `:put (`, `/disk remove no-such-slot`, `:error "on purpose"`,
		`:put before; :error "on purpose"; :put after`, `/disk remove [find where slot="no-such-slot"]`} {
		r.ask("streams", command)
	}
	for _, command := range []string{`/disk print where slot="no-such-slot"`, `/disk print detail where slot="no-such-slot"`,
		`/disk print terse where slot="no-such-slot"`, `:put [/disk print as-value where slot="no-such-slot"]`,
		`:put [:serialize to=json [/disk print detail as-value where slot="no-such-slot"]]`,
		`:put [:len [/disk find where slot="no-such-slot"]]`, `/file print detail where name="no-such-file"`} {
		r.ask("empty", command)
	}
}

// shapes is how a volume looks.
func (r *recorder) shapes() {
	r.ask("hardware", `:put [:serialize to=json [/disk print detail as-value where type=hardware]]`)
	r.ask("disk-json", r.add("a", exported))
	r.ask("disk-json", r.json("a"))
	r.ask("proplist", fmt.Sprintf(`:put [:serialize to=json [/disk print detail as-value proplist=slot,size where slot="%sa"]]`, r.stem))
	r.ask("proplist", fmt.Sprintf(`:put [/disk print as-value proplist=slot,size where slot="%sa"]`, r.stem))
	detail := fmt.Sprintf(`/disk print detail where slot="%sa"`, r.stem)
	r.ask("detail", detail)
	// Flags after the name set the width of the console.
	wide, err := r.login(r.user + "+cte1000w")
	if err != nil {
		r.note("detail", "\nlogin as %s+cte1000w: %v", r.user, err)
		return
	}
	defer wide.Close()
	r.note("detail", "\nas %s+cte1000w:", r.user)
	r.askAs("detail", wide, detail)
}

// refusals is what is said to what cannot be done.
func (r *recorder) refusals() {
	long := func(n int) string { return strings.Repeat("x", max(n-len(r.stem), 1)) }
	for _, refused := range []struct{ what, command string }{
		{"a slot that is taken", fmt.Sprintf(`/disk add type=file file-path="%s" slot="%sa" file-size=16M`, r.path("twice"), r.stem)},
		{"a slot of 33 characters", r.add(long(33), "file-size=16M")},
		{"a slot of 41 characters", r.add(long(41), "file-size=16M")},
		{"more than the pool has", r.add("full", "file-size=900T")},
		{"no such directory", fmt.Sprintf(`/disk add type=file file-path="%s/%s/m.img" slot="%sm" file-size=16M`,
			strings.TrimRight(r.basePath, "/"), r.stem, r.stem)},
		{"no such parameter", r.add("unknown", "file-size=16M no-such-parameter=1")},
	} {
		r.note("refusals", "\n%s:", refused.what)
		r.ask("refusals", refused.command)
	}
}

// limits is how much a line, an answer and a connection hold.
func (r *recorder) limits() {
	for _, n := range []int{1, 2, 5, 10, 20, 25} {
		answered, problem := r.atOnceOn(n)
		r.note("sessions", "%d at once: %d answered", n, answered)
		if problem != nil {
			r.note("sessions", "  %v", problem)
		}
	}
	accepted := func(n int) (bool, string) {
		text := `:put [:len ""]`
		line := strings.Replace(text, `""`, `"`+strings.Repeat("x", n-len(text))+`"`, 1)
		answer, err := r.quietly(line)
		if err != nil {
			r.connect()
			answer += " " + err.Error()
		}
		return strings.TrimSpace(answer) == fmt.Sprint(n-len(text)), answer
	}
	const most = 128 << 10
	low, high, refusal := 64, 128, ""
	for ; high <= most; low, high = high, high*2 {
		if ok, answer := accepted(high); !ok {
			refusal = answer
			break
		}
	}
	if refusal == "" {
		r.note("longest-line", "a line of %d bytes is accepted; longer ones were not tried", low)
	} else {
		for high-low > 1 {
			middle := (low + high) / 2
			if ok, answer := accepted(middle); ok {
				low = middle
			} else {
				high, refusal = middle, answer
			}
		}
		r.note("longest-line", "a line of %d bytes is accepted, one of %d is not: %q", low, high, refusal)
	}
	for _, doublings := range []int{13, 18} { // from 16 bytes to 128 KiB and 4 MiB
		line := `:local s "0123456789abcdef"; ` + strings.Repeat(`:set s ($s . $s); `, doublings) + `:put $s; :put "OK-end"`
		answer, err := say(r.client, line, 120*time.Second)
		text := strings.TrimRight(answer.stdout, "\r\n")
		body, whole := strings.CutSuffix(text, "OK-end")
		r.note("large-output", "of %d bytes came %d bytes, the end among them: %v; %s, %v",
			16<<doublings, len(strings.TrimRight(body, "\r\n")), whole, answer.end, err)
		if err != nil {
			r.connect()
		}
	}
}

// changes is what a volume goes through.
func (r *recorder) changes() {
	r.ask("grow", fmt.Sprintf(`/disk set [find where slot="%sa"] file-size=32M`, r.stem))
	r.ask("grow", r.json("a"))
	r.ask("copy-from", fmt.Sprintf(`/disk add type=file copy-from=[find where slot="%sa"] file-path="%s" slot="%scopy"`, r.stem, r.path("copy"), r.stem))
	r.ask("copy-from", r.json("copy"))
	r.note("remove-exported", "no initiator is connected")
	r.ask("remove-exported", r.add("gone", exported))
	r.ask("remove-exported", fmt.Sprintf(`/disk remove [find where slot="%sgone"]`, r.stem))
	r.ask("remove-exported", r.json("gone"))
	r.ask("remove-exported", fmt.Sprintf(`/file print detail where name~"%sgone"`, r.stem))
}

// reboot comes last: it ends the connection.
func (r *recorder) reboot() {
	r.note("reboot", "the disk before it:")
	r.ask("reboot", r.json("a"))
	answer, err := say(r.client, rebootCommand, 60*time.Second)
	r.note("reboot", "\n> %s\n%s, %v\nstdout %q, stderr %q", rebootCommand, answer.end, err, answer.stdout, answer.stderr)
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- r.client.Wait() }()
	select {
	case err := <-ended:
		r.note("reboot", "the connection ends after %v: %v", time.Since(began).Round(time.Second), err)
	case <-time.After(r.rebootTime):
		r.note("reboot", "the connection does not end by itself within %v", r.rebootTime)
	}
	took := r.waitBanner(r.t, r.rebootTime)
	r.note("reboot", "a login is possible again after %v", took.Round(time.Second))
	r.connect()
	r.note("reboot", "\nthe disk after it:")
	r.ask("reboot", r.json("a"))
}
