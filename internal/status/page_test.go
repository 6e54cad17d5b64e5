package status

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"rds-csi/internal/conn"
)

// parse renders the view and parses it as a browser would.
func parse(t *testing.T, v *view) *html.Node {
	t.Helper()
	b, err := renderPage(v, true)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// all finds elements by name.
func all(doc *html.Node, name string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == name {
			found = append(found, n)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// inner is the text of an element.
func inner(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// busy is a view with everything there is.
func busy() *view {
	r := newRecorder(t0.Add(-20 * time.Hour))
	for i := range 300 {
		flap(r, t0.Add(-10*time.Hour+time.Duration(i)*time.Minute), 3*time.Second, uint64(i+1), conn.CauseLink)
	}
	fail(r, t0.Add(-time.Hour), 5, time.Second, 400, refused)
	s := waiting(connectError(conn.KindHostKey, conn.StageHandshake, "key mismatch"))
	s.BanSuspected, s.GivenUp, s.Report.HostKeyCheck = true, 1, "off"
	return newView(t0, inputs{snapshot: s, record: r.read(t0), sessions: &sessions{1, 1}, lastReceived: t0, version: "1.2.3"})
}

func TestThePageIsOneWellFormedDocumentThatLoadsNothing(t *testing.T) {
	for name, v := range map[string]*view{"busy": busy(), "nothing known": newView(t0, inputs{})} {
		t.Run(name, func(t *testing.T) {
			doc := parse(t, v)
			ids := map[string]int{}
			for n := range doc.Descendants() {
				if n.Type != html.ElementNode {
					continue
				}
				if id := attr(n, "id"); id != "" {
					ids[id]++
				}
				switch n.Data {
				case "script", "img", "iframe", "object", "form", "base":
					t.Errorf("there is a <%s>", n.Data)
				}
				for _, a := range n.Attr {
					if strings.HasPrefix(a.Key, "on") {
						t.Errorf("<%s> has %s", n.Data, a.Key)
					}
					if a.Key == "src" || a.Key == "href" && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "data:image/svg+xml,") {
						t.Errorf("<%s> refers to %s", n.Data, a.Val)
					}
					if strings.Contains(a.Val, "ZgotmplZ") {
						t.Errorf("<%s> has a filtered %s", n.Data, a.Key)
					}
				}
			}
			for id, n := range ids {
				if n > 1 {
					t.Errorf("id %q is there %d times", id, n)
				}
			}
			for _, n := range append(all(doc, "section"), all(doc, "svg")...) {
				for _, id := range strings.Fields(attr(n, "aria-labelledby")) {
					if ids[id] == 0 {
						t.Errorf("<%s> is labelled by %q, which is not there", n.Data, id)
					}
				}
			}
			if got := attr(all(doc, "html")[0], "lang"); got != "en" {
				t.Errorf("the language is %q", got)
			}
			if n := len(all(doc, "h1")); n != 1 {
				t.Errorf("%d first headings", n)
			}
			level := 1
			for n := range doc.Descendants() {
				if n.Type == html.ElementNode && len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6' {
					next := int(n.Data[1] - '0')
					if next > level+1 {
						t.Errorf("heading %q skips a level", inner(n))
					}
					level = next
				}
			}
		})
	}
}

func TestTheTableOfEventsHasHeadersAndARowForEachEvent(t *testing.T) {
	v := busy()
	doc := parse(t, v)
	heads := all(doc, "th")
	if len(heads) != 4 {
		t.Fatalf("%d headers", len(heads))
	}
	for _, h := range heads {
		if attr(h, "scope") != "col" {
			t.Errorf("header %q has no scope", inner(h))
		}
	}
	rows := all(all(doc, "tbody")[0], "tr")
	if len(rows) != len(v.Events) || len(rows) < 100 {
		t.Fatalf("%d rows for %d events", len(rows), len(v.Events))
	}
	first := inner(rows[0])
	for _, w := range []string{"11:00:04", "59 min 56 s ago", "Attempt failed", "5 ×", "refused",
		"nothing listens on its SSH port", "--rds-port", "connection refused", "First 2026-11-22 11:00:00 UTC"} {
		if !strings.Contains(first, w) {
			t.Errorf("the first row lacks %q: %s", w, first)
		}
	}
}

func TestTheStripCoversTheDayAndSaysItInWords(t *testing.T) {
	v := busy()
	doc := parse(t, v)
	var strip *html.Node
	for _, n := range all(doc, "svg") {
		if attr(n, "class") == "strip" {
			strip = n
		}
	}
	if strip == nil || attr(strip, "role") != "img" {
		t.Fatal("there is no strip with the role of an image")
	}
	if got := inner(all(strip, "desc")[0]); got != v.History.Summary || !strings.Contains(got, "300 outages") {
		t.Errorf("the description is %q", got)
	}
	var sum float64
	seen := map[string]bool{}
	for _, r := range all(strip, "rect") {
		class := attr(r, "class")
		if strings.HasPrefix(class, "hatch") {
			continue
		}
		seen[class] = true
		w, err := strconv.ParseFloat(strings.TrimSuffix(attr(r, "width"), "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += w
		if !strings.Contains(inner(r), "UTC") {
			t.Errorf("an interval has no title")
		}
	}
	if sum < 99 || sum > 101 {
		t.Errorf("intervals cover %v %% of the day", sum)
	}
	for _, s := range []linkState{linkUp, linkDown, linkMixed, linkUnknown} {
		if !seen[string(s)] {
			t.Errorf("no interval is %s", s)
		}
	}
	if n := len(all(strip, "line")); n != 23 && n != 24 {
		t.Errorf("%d hour marks", n)
	}
	if n := len(all(strip, "text")); n < 7 {
		t.Errorf("%d hours are named", n)
	}
}

func TestNothingFromOutsideBecomesMarkup(t *testing.T) {
	const evil = `"'><script>alert(1)</script><img src=x onerror=alert(1)>{{.}}</style></title>`
	s := waiting(connectError(conn.KindHandshake, conn.StageHandshake, evil))
	s.Address = evil
	s.Report = conn.Report{PeerAddress: evil, HostKeyCheck: evil,
		Identity: conn.Identity{SerialNumber: evil, SoftwareID: evil, SystemID: evil, Version: evil, Board: evil}}
	s.Reason, s.Outage.Reason, s.LastOutage.Cause, s.State = evil, evil, evil, evil
	s.LastError.Kind, s.LastError.Stage = evil, evil
	r := newRecorder(t0)
	r.disconnected(t0, conn.Disconnect{Snapshot: s, Reason: evil, Err: s.LastError})
	fail(r, t0, 2, time.Second, 1, s.LastError)
	r.OperationAbandoned(t.Context(), evil)
	r.CallbackPanicked(t.Context(), evil)
	v := newView(t0, inputs{snapshot: s, version: evil, record: r.read(t0)})
	doc := parse(t, v)
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img") {
			t.Fatalf("<%s> got into the page", n.Data)
		}
	}
	if got := strings.Count(inner(doc), "<script>alert(1)</script>"); got < 10 {
		t.Errorf("the text is shown %d times as text", got)
	}
	if n := len(all(doc, "style")); n != 1 {
		t.Errorf("%d style elements", n)
	}
}

func TestTheReaderCanStopThePageFromReloading(t *testing.T) {
	v := busy()
	for refresh, want := range map[bool]int{true: 1, false: 0} {
		b, err := renderPage(v, refresh)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(b, []byte(`http-equiv="refresh"`)); got != want {
			t.Errorf("refresh %v: %d refresh elements", refresh, got)
		}
	}
}

func TestTheStateIsInShapesAndWordsNotInColourAlone(t *testing.T) {
	icons := map[string]string{}
	for name, s := range map[string]*conn.Snapshot{"good": connected(), "bad": waiting(refused), "unknown": nil} {
		doc := parse(t, newView(t0, inputs{snapshot: s}))
		if got := attr(all(doc, "body")[0], "class"); got != "tone-"+name {
			t.Errorf("%s: the tone is %q", name, got)
		}
		var b bytes.Buffer
		if err := html.Render(&b, all(all(doc, "h1")[0], "svg")[0]); err != nil {
			t.Fatal(err)
		}
		icons[b.String()] = name
	}
	if len(icons) != 3 {
		t.Errorf("%d different icons for three tones: %s", len(icons), fmt.Sprint(icons))
	}
}
