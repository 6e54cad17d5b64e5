// Command performance writes docs/performance.md: it fills its template with
// the results of one run of the benchmarks, read from the standard input, and
// with the execution trace that one of them made.
//
//	go run -C tools ./performance -wakeups trace < results > docs/performance.md
package main

import (
	"bufio"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"
)

//go:embed performance.md.tmpl
var page string

func main() {
	execution := flag.String("wakeups", "", "execution trace of BenchmarkWakeUps")
	flag.Parse()
	file, err := os.Open(*execution)
	if err == nil {
		err = write(os.Stdout, os.Stdin, file, time.Now())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "performance:", err)
		os.Exit(1)
	}
}

// write fills the template. A figure that the results lack is an error: a table
// with a hole, or with a figure of another run, would not be noticed.
func write(to io.Writer, results, execution io.Reader, now time.Time) error {
	read, err := parse(results)
	if err != nil {
		return err
	}
	woken, err := wakers(execution)
	if err != nil {
		return fmt.Errorf("execution trace: %w", err)
	}
	var missing []error
	scaled := func(benchmark, unit, format string, by float64) string {
		v, ok := read.figures[benchmark+" "+unit]
		if !ok {
			missing = append(missing, fmt.Errorf("no %s of Benchmark%s", unit, benchmark))
		}
		return group(fmt.Sprintf(format, v/by))
	}
	value := func(benchmark, unit, format string) string { return scaled(benchmark, unit, format, 1) }
	t, err := template.New("performance").Funcs(template.FuncMap{"value": value, "scaled": scaled}).Parse(page)
	if err != nil {
		return err
	}
	var text strings.Builder
	err = t.Execute(&text, map[string]any{"Date": now.UTC().Format(time.DateOnly), "CPU": read.cpu, "Cores": runtime.NumCPU(), "Wakers": woken})
	if err := errors.Join(append(missing, err)...); err != nil {
		return err
	}
	_, err = io.WriteString(to, text.String())
	return err
}

// results are the figures by "name unit", the name without Benchmark and
// without the number of processors.
type results struct {
	figures map[string]float64
	cpu     string
}

var line = regexp.MustCompile(`^Benchmark(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// parse reads what `go test -bench` prints. Of a benchmark that ran twice the
// last result holds.
func parse(r io.Reader) (results, error) {
	read := results{figures: map[string]float64{}}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if cpu, ok := strings.CutPrefix(lines.Text(), "cpu: "); ok {
			read.cpu = cpu
		}
		m := line.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		fields := strings.Fields(m[2])
		for i := 0; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return read, fmt.Errorf("line %q: %w", lines.Text(), err)
			}
			read.figures[m[1]+" "+fields[i+1]] = v
		}
	}
	return read, lines.Err()
}

// group sets a comma before each three digits of a whole number.
func group(number string) string {
	if strings.Contains(number, ".") {
		return number
	}
	for i := len(number) - 3; i > 0; i -= 3 {
		number = number[:i] + "," + number[i:]
	}
	return number
}
