package status

import (
	"bytes"
	_ "embed"
	"html/template"
	"strings"
	"time"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// page is the one template. html/template escapes by context: no text of the
// device can become markup.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":     func() template.CSS { return template.CSS(pageCSS) },
	"clock":   func(t time.Time) string { return t.Format("2006-01-02 15:04:05 UTC") },
	"machine": func(t time.Time) string { return t.Format(time.RFC3339) },
	"percent": percent,
	"words":   splitWords,
	"count":   func(n int, what string) string { return count(n, what) },
}).Parse(pageHTML))

// pageData is what the template is given: the view, and what only the page
// needs.
type pageData struct {
	*view
	Tone    string // good, bad, wait or unknown: colour and shape of the headline
	Refresh int    // seconds until the page reloads itself, 0: never
	Strip   strip
}

func newPageData(v *view, refresh bool) pageData {
	d := pageData{view: v, Tone: v.tone(), Strip: newStrip(&v.History)}
	switch {
	case !refresh:
	case v.Ready:
		d.Refresh = 10
	default: // somebody is watching it come back
		d.Refresh = 5
	}
	return d
}

func (v *view) tone() string {
	switch {
	case v.Ready:
		return "good"
	case !v.Live:
		return "bad"
	case v.Connections == 0 && v.LastError == nil: // nothing has gone wrong yet
		return "unknown"
	}
	return "bad"
}

// Title is the title of the document.
func (v *view) Title() string {
	if v.Address == "" {
		return v.Headline + " – RDS connection"
	}
	return v.Headline + " – RDS " + v.Address
}

// Line names the device in a few words.
func (d *device) Line() string {
	var parts []string
	for _, p := range []string{d.Board, d.Version} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " · ")
}

// word is a piece of a text, Code if it is typed somewhere as it stands.
type word struct {
	Text string
	Code bool
}

// splitWords finds flags and RouterOS paths in a text of ours, so that they can
// be set apart and are not broken at a hyphen.
func splitWords(text string) []word {
	var all []word
	for piece := range strings.SplitAfterSeq(text, " ") {
		core := strings.TrimRight(piece, " .,:;)")
		if len(core) > 2 && (strings.HasPrefix(core, "--") || strings.HasPrefix(core, "/")) {
			all = append(all, word{core, true}, word{piece[len(core):], false})
		} else {
			all = append(all, word{piece, false})
		}
	}
	return all
}

// renderPage is the page as HTML.
func renderPage(v *view, refresh bool) ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, newPageData(v, refresh)); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
