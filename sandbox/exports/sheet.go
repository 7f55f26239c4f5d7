package exports

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"gopkg.in/yaml.v3"

	"crossdock/domains/trade"
)

// columns is what columns.yaml may say.
type columns struct {
	// Decimal is the decimal mark, "." or ","; guessed from the separator when empty.
	Decimal string `yaml:"decimal"`
	// Dates is how dates are written when they are not ISO: MM/DD/YYYY, which is assumed, or
	// DD/MM/YYYY.
	Dates string `yaml:"dates"`
	// Files are by table.
	Files map[string]fileColumns `yaml:",inline"`
}

type fileColumns struct {
	// File is the file's name, where it is not a common one.
	File string `yaml:"file"`
	// Columns gives the heading of a column of ours; Defaults what it holds where the file has none.
	Columns  map[string]string `yaml:"columns"`
	Defaults map[string]string `yaml:"defaults"`
}

func readColumns(path string) (columns, error) {
	var c columns
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("exports: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, fmt.Errorf("exports: columns.yaml: %w", err)
	}
	if c.Decimal != "" && c.Decimal != "." && c.Decimal != "," {
		return c, fmt.Errorf(`exports: columns.yaml: decimal is %q: use "." or ","`, c.Decimal)
	}
	if c.Dates != "" && c.Dates != monthFirst && c.Dates != dayFirst {
		return c, fmt.Errorf("exports: columns.yaml: dates is %q: use %s or %s", c.Dates, monthFirst, dayFirst)
	}
	known := map[string]table{}
	for _, t := range tables() {
		known[t.name] = t
	}
	for name, f := range c.Files {
		t, ok := known[name]
		if !ok {
			return c, fmt.Errorf("exports: columns.yaml: unknown key %q: use decimal, dates or one of %s", name, tableNames())
		}
		for _, m := range []map[string]string{f.Columns, f.Defaults} {
			for col := range m {
				if t.column(col) == nil {
					return c, fmt.Errorf("exports: columns.yaml: %s has no column %q: use one of %s", name, col, t.columnNames())
				}
			}
		}
	}
	return c, nil
}

// The ways to write a date with slashes.
const (
	monthFirst = "MM/DD/YYYY"
	dayFirst   = "DD/MM/YYYY"
)

// sheet is one file, read row by row.
type sheet struct {
	name        string
	rows        interface{ Read() ([]string, error) }
	position    func() int
	heading     []string
	headingLine int
	// mark is the decimal mark, sure when somebody said so; layouts are how dates may be written.
	mark    byte
	sure    bool
	layouts []string
}

// peek is how much of a file is looked at to learn its separator.
const peek = 64 << 10

// openSheet learns how a file is written and reads its heading.
func openSheet(r io.Reader, name string, c columns) (*sheet, error) {
	b := bufio.NewReaderSize(r, peek)
	head, err := b.Peek(peek)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
		head = head[3:]
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	comma := separator(string(first))
	s := &sheet{name: name, mark: '.', sure: c.Decimal != ""}
	if comma == '\t' {
		tabs := &tabbed{scan: bufio.NewScanner(b)}
		tabs.scan.Buffer(nil, maxRow)
		s.rows, s.position = tabs, func() int { return tabs.line }
	} else {
		quoted := csv.NewReader(b)
		quoted.Comma, quoted.FieldsPerRecord, quoted.LazyQuotes, quoted.TrimLeadingSpace = comma, -1, true, true
		s.rows, s.position = quoted, func() int { line, _ := quoted.FieldPos(0); return line }
	}
	switch {
	case c.Decimal != "":
		s.mark = c.Decimal[0]
	case comma == ';':
		s.mark = ','
	}
	slashes := []string{"1/2/2006", "1/2/06"}
	if c.Dates == dayFirst {
		slashes = []string{"2/1/2006", "2/1/06"}
	}
	s.layouts = append([]string{"2006-1-2", "20060102", "2.1.2006", "2006/1/2", "2-Jan-2006", "2 Jan 2006"}, slashes...)
	cells, line, err := s.next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty: its first row names the columns")
	}
	if err != nil {
		return nil, err
	}
	s.headingLine = line
	for _, c := range cells {
		s.heading = append(s.heading, strings.TrimSpace(c))
	}
	return s, nil
}

// maxRow bounds one row of a file with tabs.
const maxRow = 1 << 20

// tabbed reads rows with tabs between their cells, in which a quotation mark is a sign like others,
// unless the whole cell is in quotes.
type tabbed struct {
	scan *bufio.Scanner
	line int
}

// Read returns the next row.
func (t *tabbed) Read() ([]string, error) {
	if !t.scan.Scan() {
		if err := t.scan.Err(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
	t.line++
	cells := strings.Split(strings.TrimSuffix(t.scan.Text(), "\r"), "\t")
	for i, c := range cells {
		if n := len(c); n > 1 && c[0] == '"' && c[n-1] == '"' {
			cells[i] = strings.ReplaceAll(c[1:n-1], `""`, `"`)
		}
	}
	return cells, nil
}

// separator is what a heading has most of.
func separator(heading string) rune {
	best, most := ',', 0
	for _, c := range []rune{',', ';', '\t', '|'} {
		if n := strings.Count(heading, string(c)); n > most {
			best, most = c, n
		}
	}
	return best
}

// rowError is a row that cannot be read; those after it can.
type rowError struct{ why string }

func (e *rowError) Error() string { return "the row cannot be read: " + e.why }

// maxLines is how many lines a cell in quotes may go over.
const maxLines = 10

// next returns the next row that is not empty, and its line. Text that is not UTF-8 is read as
// Windows-1252, which is what spreadsheets save.
func (s *sheet) next() (cells []string, line int, err error) {
	for {
		cells, err = s.rows.Read()
		if bad, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, bad.StartLine, &rowError{bad.Err.Error()}
		}
		if err != nil {
			return nil, 0, err
		}
		line = s.position()
		if n := strings.Count(strings.Join(cells, ""), "\n"); n > maxLines {
			return nil, line, &rowError{fmt.Sprintf("a quotation mark that is not closed takes %d lines in", n)}
		}
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			continue
		}
		for i, c := range cells {
			if !utf8.ValidString(c) {
				if cells[i], err = charmap.Windows1252.NewDecoder().String(c); err != nil {
					return nil, line, &rowError{"its text is in no known encoding"}
				}
			}
		}
		return cells, line, nil
	}
}

// grouped is a number whose thousands are set apart.
var grouped = regexp.MustCompile(`^\d{1,3}([.,' \x{00a0}\x{202f}]\d{3})+$`)

// timeOfDay is what may stand behind a day.
var timeOfDay = regexp.MustCompile(`[T ]\d{1,2}:\d{2}.*$`)

// number reads a number as people write it: with a currency sign, thousands set apart, a minus
// before or, as SAP has it, behind.
func (s *sheet) number(text string) (trade.Decimal, error) {
	t := strings.TrimSpace(strings.Trim(strings.TrimSpace(text), "$€£"))
	sign := ""
	if rest, ok := strings.CutSuffix(t, "-"); ok {
		t, sign = rest, "-"
	}
	if rest, ok := strings.CutPrefix(t, "-"); ok {
		t, sign = rest, "-"
	}
	t = strings.TrimLeft(t, "+$€£ ")
	units, places, hasMark := strings.Cut(t, string(s.mark))
	if s.mark == ',' && !s.sure && !hasMark && strings.Count(units, ".") == 1 && grouped.MatchString(units) {
		return trade.Decimal{}, fmt.Errorf("%q can be read in two ways: set decimal in columns.yaml to \",\" or \".\"", text)
	}
	if grouped.MatchString(units) {
		units = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, units)
	}
	if hasMark {
		units += "." + places
	}
	d, err := trade.ParseDecimal(sign + units)
	if err != nil {
		return d, fmt.Errorf("%q is not a number with %q as its decimal mark; if another mark is meant, set decimal in columns.yaml", text, s.mark)
	}
	return d, nil
}

// date reads a day; a time of day behind it is dropped.
func (s *sheet) date(text string) (trade.Date, error) {
	day := timeOfDay.ReplaceAllString(strings.TrimSpace(text), "")
	for _, l := range s.layouts {
		if t, err := time.Parse(l, day); err == nil {
			return trade.Date(t.Format(time.DateOnly)), nil
		}
	}
	return "", fmt.Errorf("%q is not a date: write 2026-01-31, or set dates to %s or %s in columns.yaml", text, monthFirst, dayFirst)
}
